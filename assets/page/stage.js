// Draws the stage's value; keeps which step is looked at. `element`, `props`, `trigger` and
// `watch` come from gr.HTML.
const find = (name) => element.querySelector(`.sw-${name}`);
const section = find("stage"), picture = element.querySelector("figure"), image = element.querySelector("img");
const strip = find("strip"), bar = element.querySelector("progress"), play = find("play"), stop = find("stop");
const PLAY_MS = 120;
let run = null, chosen = null, playing = null;

const view = () => props.value || { steps: [], state: "idle" };
const steps = () => view().steps;
const shown = () => (chosen === null ? steps().length - 1 : chosen);

function show() {
  const { state, total, elapsed, left } = view(), count = steps().length, index = shown();
  const step = steps()[index], source = step && step.src;
  if (source && image.getAttribute("src") !== source) image.src = source;
  image.hidden = !image.getAttribute("src");
  image.alt = step ? `Predicted clean image at step ${index + 1} of ${total}` : "";
  const busy = state === "painting" || state === "queued" || state === "loading";
  section.dataset.state = state;
  section.setAttribute("aria-busy", busy);
  find("step").textContent = step ? `Step ${index + 1} of ${total}` : { queued: "Waiting", loading: "Loading" }[state] || "Ready";
  find("sigma").textContent = step ? `σ ${step.sigma < 1 ? step.sigma.toFixed(3) : step.sigma.toFixed(2)}` : "";
  bar.value = total ? (chosen === null ? count : index + 1) / total : 0;
  find("time").textContent = state === "painting" && step ? `${elapsed.toFixed(1)} s, ${left.toFixed(1)} s left` : "";
  find("message").textContent = view().message || "";
  stop.disabled = !busy;
  play.disabled = count < 2 || busy;
  mark(index);
}

function fill() {
  const total = Math.max(view().total, steps().length);
  while (strip.children.length > total) strip.lastChild.remove();
  while (strip.children.length < total) {
    const item = document.createElement("li");
    item.setAttribute("role", "option");
    item.append(document.createElement("img"), document.createElement("span"));
    item.firstChild.alt = "";
    item.dataset.index = strip.children.length;
    strip.append(item);
  }
  steps().forEach((step, index) => {
    const item = strip.children[index], [thumb, label] = item.children;
    if (item.dataset.done === step.src + run) return;
    item.dataset.done = step.src + run;
    if (step.src) thumb.src = step.src;
    label.textContent = step.sigma >= 10 ? step.sigma.toFixed(0) : step.sigma.toPrecision(2);
    item.setAttribute("aria-label", `Step ${index + 1}, sigma ${step.sigma}`);
  });
}

function mark(index) {
  const before = strip.querySelector('[aria-selected="true"]'), now = strip.children[index];
  if (before === now) return;
  if (before) before.setAttribute("aria-selected", "false");
  if (!now) return;
  now.setAttribute("aria-selected", "true");
  const box = strip.getBoundingClientRect(), item = now.getBoundingClientRect();
  if (item.left < box.left || item.right > box.right) strip.scrollLeft += item.left - box.left - box.width / 2;
}

function look(index) {
  const last = steps().length - 1;
  if (last < 0) return;
  chosen = Math.min(Math.max(index, 0), last);
  if (chosen === last) chosen = null;
  show();
}

function pause() {
  clearInterval(playing);
  playing = null;
  play.textContent = "Play";
}

function start() {
  pause();
  let next = 0;
  play.textContent = "Pause";
  playing = setInterval(() => {
    look(next++);
    if (next >= steps().length) pause();
  }, PLAY_MS);
}

function update() {
  const value = view();
  if (value.run !== run) {
    run = value.run;
    chosen = null;
    pause();
    strip.replaceChildren();
    if (value.ratio) picture.style.setProperty("--ratio", value.ratio);
  }
  fill();
  show();
}

strip.addEventListener("click", (event) => {
  const item = event.target.closest("li");
  if (item) { pause(); look(Number(item.dataset.index)); }
});
play.addEventListener("click", () => (playing ? pause() : start()));
stop.addEventListener("click", () => trigger("stop"));
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, [contenteditable], [role=listbox]:not(.sw-strip)");
  if (event.key === "Escape" && !stop.disabled) trigger("stop");
  else if ((event.ctrlKey || event.metaKey) && event.key === "Enter") document.querySelector("#paint").click();
  else if (typing) return;
  else if (event.key === "ArrowLeft") { pause(); look(shown() - 1); event.preventDefault(); }
  else if (event.key === "ArrowRight") { pause(); look(shown() + 1); event.preventDefault(); }
  else if (event.key === " " && !event.target.closest("button, a")) { playing ? pause() : start(); event.preventDefault(); }
});

// A PNG dropped anywhere goes through the upload button, and so through its checks.
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  const files = event.dataTransfer && event.dataTransfer.files;
  const input = document.querySelector('input[type=file][data-testid$="upload-button"]');
  if (!files || !files.length || !input) return;
  event.preventDefault();
  input.files = files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

watch("value", update);
update();
