// Draws the stage's value and keeps what is only looking: which step, in which view, compared
// with what. `element`, `props`, `trigger`, `watch` and `server` come from gr.HTML. Other parts
// of the page reach it as `window.stepwise` and hear of it by the event "stepwise:look".
const find = (name) => element.querySelector(`.sw-${name}`);
const section = find("stage"), figure = find("picture"), image = find("main"), other = find("other");
const strip = find("strip"), scrub = find("scrub"), play = find("play"), slide = find("slide");
const BUSY = ["painting", "queued", "loading"], VIEWS = ["x0", "xt", "change"], MOST_KEPT = 600;
const WAITING = { queued: "Waiting", loading: "Loading", failed: "Not painted" };
let run = null, chosen = null, playing = null, mode = "x0", asking = false, versus = null, told = "";
const kept = new Map(); // pictures that were asked for, by run, step and view

const view = () => props.value || { steps: [], state: "idle" };
const forward = () => view().forward || []; // a picture being noised, before the first step
const first = () => forward().length;
let frames = [];
const steps = () => frames;
const shown = () => (chosen === null ? steps().length - 1 : chosen);
const busy = () => BUSY.includes(view().state);
const key = (index, what) => `${run}/${index}/${what}`;

// ---- pictures

// Null while it is not there yet, empty where there is none.
function source(index) {
  if (index < first()) return steps()[index].src;
  const got = kept.get(key(index, mode)), thumb = mode === "x0" && steps()[index] && steps()[index].src;
  return got || thumb || (got === "" ? "" : null);
}

// Ask for the picture that is looked at, one at a time; when none is missing, for its neighbours.
async function fetchPictures() {
  if (asking || (busy() && chosen === null && mode === "x0")) return;
  const index = shown(), near = busy() ? [index] : [index, index + 1, index - 1, index + 2, index - 2];
  const missing = near.find((at) => at >= first() && steps()[at] && !(mode === "x0" && steps()[at].full) && !kept.has(key(at, mode)));
  if (missing === undefined) return;
  const name = key(missing, mode), looked = key(index, mode);
  let failed = false;
  asking = true;
  try {
    const source = await window.stepwise.ask("look", { index: missing - first(), view: mode });
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
    kept.set(name, source);
  } catch { failed = true; } // the connection is gone: it is asked for again with the next look
  asking = false;
  if (!failed || looked !== key(shown(), mode)) show();
}

function showNone(isNone, index) {
  const begins = mode === "change" && index === first();
  find("none").hidden = !isNone;
  find("none").firstElementChild.textContent = !isNone ? "" : begins ? "Nothing changed yet: this is the first step." : "There is no picture of this step any more.";
}

// ---- films and sounds

function player(address, name) {
  const made = document.createElement(address.endsWith(".mp4") ? "video" : "audio");
  Object.assign(made, { src: address, controls: true, loop: made.tagName === "VIDEO", preload: "metadata" });
  made.setAttribute("aria-label", name);
  return made;
}

// The last step of what has ended plays; a film in the place of its picture, a sound below its own.
function showClips(isLast) {
  const clips = view().clips || [], box = find("clips"), now = clips.join(" ");
  const plays = clips.length > 0 && isLast && mode === "x0" && !busy() && !versus;
  if (box.dataset.of !== now) {
    box.dataset.of = now;
    box.replaceChildren(...clips.map((clip, at) => player(clip, `${view().kind === "film" ? "Film" : "Sound"} ${at + 1} of ${clips.length}`)));
  }
  if (!plays) [...box.children].forEach((each) => each.pause());
  box.hidden = !plays;
  if (plays && view().kind === "film") image.hidden = true;
}

// The pictures of films and sounds are strips and spectrograms, with proportions of their own.
function ratio() {
  return view().kind && image.naturalWidth ? image.naturalWidth / image.naturalHeight : view().ratio;
}

// ---- drawing

const sigma = (value) => (value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toPrecision(2));

function show() {
  const { state, elapsed, left, message } = view(), count = steps().length, index = shown();
  const total = view().total, whole = first() + Math.max(total, count - first()), number = index - first() + 1;
  const step = steps()[index], picture = step && source(index);
  if (picture && image.getAttribute("src") !== picture) image.src = picture;
  image.hidden = picture === "" || !image.getAttribute("src");
  image.classList.toggle("sw-late", picture === null && !busy()); // what is seen is another step's still
  showNone(picture === "", index);
  showClips(index === count - 1);
  image.alt = step ? `${{ x0: "Predicted picture", xt: "Noisy picture", change: "Change" }[mode]} at step ${number} of ${total}` : "";
  section.dataset.state = state;
  section.dataset.run = run || "";
  section.dataset.view = mode;
  section.setAttribute("aria-busy", busy());
  find("step").textContent = !step ? WAITING[state] || "Ready" : number > 0 ? `Step ${number} of ${total}` : `Noising ${index + 1} of ${first()}`;
  find("start").disabled = number < 1;
  find("sigma").textContent = step ? `σ ${sigma(step.sigma)}` : "";
  find("time").textContent = state === "painting" && step ? `${elapsed.toFixed(1)} s, ${left.toFixed(1)} s left` : "";
  find("message").textContent = state === "painting" ? "" : message || "";
  find("words").textContent = step && step.words ? step.words : "";
  find("words").hidden = !(step && step.words);
  find("stop").disabled = find("pause").disabled = !busy();
  const [hidden, seen] = ["paused", "stopped"].includes(state) && count ? ["pause", "go"] : ["go", "pause"];
  const had = document.activeElement === find(hidden);
  find(seen).hidden = false;
  find(hidden).hidden = true;
  if (had) find(seen).focus(); // they stand in one place, and so does the focus
  play.disabled = count < 2 || busy();
  scrub.max = Math.max(whole, 1);
  scrub.disabled = !count;
  scrub.value = index + 1;
  scrub.style.setProperty("--done", `${whole > 1 ? (100 * Math.max(index, 0)) / (whole - 1) : 0}%`);
  scrub.setAttribute("aria-valuetext", step ? `${number > 0 ? `step ${number}` : "noising"}, sigma ${sigma(step.sigma)}` : "none");
  mark(index);
  if (versus) showOther(step);
  tell(index);
  fetchPictures();
}

function fill() {
  const total = Math.max(first() + view().total, steps().length), leaves = first() + view().kept;
  while (strip.children.length > total) strip.lastChild.remove();
  while (strip.children.length < total) {
    const item = document.createElement("li");
    item.setAttribute("role", "option");
    item.append(...["img", "span", "b", "em"].map((name) => document.createElement(name)));
    item.firstChild.alt = "";
    item.dataset.index = strip.children.length;
    item.id = `sw-step-${strip.children.length}`;
    strip.append(item);
  }
  steps().forEach((step, index) => {
    const item = strip.children[index], [thumb, label, words, led] = item.children;
    if (item.done === step.src && item.of === run) return;
    item.done = step.src;
    item.of = run;
    item.classList.toggle("sw-forward", index < first());
    item.classList.toggle("sw-shared", index >= first() && index < leaves);
    item.classList.toggle("sw-leaves", index > 0 && (index === first() || index === leaves));
    if (step.src) thumb.src = step.src;
    label.textContent = sigma(step.sigma);
    const changed = step.words && index && step.words !== steps()[index - 1].words;
    words.textContent = changed ? "words" : "";
    const leads = (view().led || []).map((one) => (index - first() >= one.from && index - first() < one.to ? one.name : ""));
    led.replaceChildren(...leads.map((one) => Object.assign(document.createElement("i"), { hidden: !one })));
    const names = leads.filter(Boolean).join(", ");
    item.title = [step.words, names && `led by ${names}`].filter(Boolean).join("; ");
    const name = index < first() ? `Noising ${index + 1}` : `Step ${index - first() + 1}`;
    item.setAttribute("aria-label", `${name}, sigma ${step.sigma}${step.words ? `, words: ${step.words}` : ""}${names ? `, led by ${names}` : ""}`);
  });
}

function mark(index) {
  const before = strip.querySelector('[aria-selected="true"]'), now = strip.children[index];
  if (before === now) return;
  if (before) before.setAttribute("aria-selected", "false");
  if (!now) return strip.removeAttribute("aria-activedescendant");
  now.setAttribute("aria-selected", "true");
  strip.setAttribute("aria-activedescendant", now.id);
  const box = strip.getBoundingClientRect(), item = now.getBoundingClientRect();
  if (item.left < box.left || item.right > box.right) strip.scrollLeft += item.left - box.left - box.width / 2;
}

// The rest of the page hears which step is looked at; the branch panel once for each run and end.
function tell(index) {
  const { state, total, kept } = view(), now = `${run}/${index}/${state}`;
  if (now === told) return;
  if (told.split("/")[0] !== run || (told.split("/")[2] !== state && !busy())) trigger("turned");
  told = now;
  const at = index - first(), count = at < 0 ? 0 : steps().length - first();
  const detail = { run, index: at, total, kept, state, count, busy: busy(), ratio: ratio() };
  document.dispatchEvent(new CustomEvent("stepwise:look", { detail }));
}

// ---- looking

function look(index) {
  const last = steps().length - 1;
  if (last < 0) return;
  chosen = Math.min(Math.max(index, 0), last);
  if (chosen === last) chosen = null;
  show();
}

function choose(what) {
  mode = what;
  for (const button of find("views").children) {
    button.setAttribute("aria-checked", button.dataset.view === mode);
    button.tabIndex = button.dataset.view === mode ? 0 : -1;
  }
  show();
}

function rest() {
  clearInterval(playing);
  playing = null;
  play.textContent = "Play";
}

function start() {
  rest();
  let next = shown() >= steps().length - 1 ? 0 : shown();
  play.textContent = "Rest";
  playing = setInterval(() => {
    look(next++);
    if (next >= steps().length) rest();
  }, 1000 / find("speed").value);
}

// ---- comparing with another run, kept in step by sigma

async function compare(otherRun) {
  const mine = run, found = await ask("versus", { other: otherRun }).catch(({ message }) => ({ message }));
  if (found.message) find("message").textContent = found.message;
  if (!found.steps || run !== mine) return;
  versus = found;
  find("names").textContent = `left: ${found.names[0]}  ·  right: ${found.names[1]}${found.differences.length ? `  (${found.differences.join("; ")})` : ""}`;
  find("names").title = find("names").textContent;
  find("versus").hidden = false;
  show();
}

function showOther(step) {
  const pair = step && versus.steps[versus.pairs[Math.max(shown() - first(), 0)]], source = pair && pair.src;
  if (source && other.getAttribute("src") !== source) other.src = source;
  const beside = find("beside").getAttribute("aria-pressed") === "true";
  other.hidden = false;
  slide.hidden = beside;
  figure.classList.toggle("sw-two", beside);
  other.style.clipPath = beside ? "" : `inset(0 0 0 ${slide.value}%)`;
  figure.style.setProperty("--slide", `${slide.value}%`);
}

function stopComparing() {
  if (find("versus").contains(document.activeElement) || document.activeElement === slide) strip.focus();
  versus = null;
  other.hidden = slide.hidden = find("versus").hidden = true;
  figure.classList.remove("sw-two");
}

// ---- the outside

// Gradio's client answers undefined where the studio cannot be reached.
async function ask(name, asked) {
  const answer = await server[name]({ session: view().session, run, ...asked });
  if (answer === undefined) throw new Error("The studio cannot be reached.");
  return answer;
}

window.stepwise = Object.assign(window.stepwise || {}, {
  player,
  ask,
  chosen: () => `${run}/${Math.max(shown() + 1 - first(), 0)}`,
  compare,
});

function update() {
  const value = view();
  if (value.run === run && value.forward && chosen !== null && frames.length && value.forward.length > frames.forward) chosen += value.forward.length;
  frames = [...forward(), ...value.steps];
  frames.forward = first();
  if (value.run !== run) {
    run = value.run;
    chosen = null;
    rest();
    stopComparing();
    strip.replaceChildren();
    if (!steps().length) image.removeAttribute("src");
    figure.classList.toggle("sw-broad", Boolean(value.kind));
    figure.classList.toggle("sw-sound", value.kind === "sound");
    if (value.ratio) figure.style.setProperty("--ratio", value.ratio);
  }
  fill();
  show();
}

strip.addEventListener("click", (event) => {
  const item = event.target.closest("li");
  if (item) { rest(); look(Number(item.dataset.index)); }
});
scrub.addEventListener("input", () => { rest(); look(Number(scrub.value) - 1); });
slide.addEventListener("input", () => showOther(steps()[shown()]));
play.addEventListener("click", () => (playing ? rest() : start()));
find("stop").addEventListener("click", () => trigger("stop"));
find("pause").addEventListener("click", () => trigger("pause"));
find("start").addEventListener("click", () => trigger("start_from", { index: shown() - first() }));
find("go").addEventListener("click", () => trigger("go_on"));
find("close").addEventListener("click", stopComparing);
find("beside").addEventListener("click", (event) => {
  const button = event.currentTarget;
  button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
  showOther(steps()[shown()]);
});
find("views").addEventListener("click", (event) => event.target.dataset.view && choose(event.target.dataset.view));
find("views").addEventListener("keydown", (event) => {
  const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!turn) return;
  choose(VIEWS[(VIEWS.indexOf(mode) + turn + VIEWS.length) % VIEWS.length]);
  find("views").querySelector('[aria-checked="true"]').focus();
  event.preventDefault();
  event.stopPropagation();
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not(.sw-scrub), textarea, select, video, audio, [contenteditable], [role=listbox]:not(.sw-strip)");
  if (event.repeat && event.key !== " " && !event.key.startsWith("Arrow")) return; // however long it is held, it is one press
  if (event.key === "Escape" && event.target.matches('[role=combobox][aria-expanded="true"]')) return; // it closes a menu
  if (event.key === "Escape" && versus) stopComparing();
  else if (event.key === "Escape" && busy()) trigger("stop");
  else if ((event.ctrlKey || event.metaKey) && event.key === "Enter") document.querySelector("#paint").click();
  else if (typing || event.ctrlKey || event.metaKey || event.altKey || !section.offsetParent) return; // or on another tab
  else if (event.key === "ArrowLeft") { rest(); look(shown() - 1); event.preventDefault(); }
  else if (event.key === "ArrowRight") { rest(); look(shown() + 1); event.preventDefault(); }
  else if (event.key === " " && !event.target.closest("button, a, summary")) { if (!event.repeat) playing ? rest() : start(); event.preventDefault(); }
  else if (document.body.classList.contains("sw-no-keys")) return; // the switch in the header
  else if (event.key === "b" || event.key === "B") document.querySelector("#branch").click();
  else if (event.key === "p" || event.key === "P") (find("pause").hidden ? find("go") : find("pause")).click();
  else if (["1", "2", "3"].includes(event.key)) choose(VIEWS[event.key - 1]);
});

// Where the columns are one below the other, whoever paints wants to see the stage.
document.addEventListener("click", (event) => {
  const button = event.target.closest("#paint, #branch");
  if (!button || !matchMedia("(max-width: 860px)").matches) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
});

// A recent picture is shown large in the gallery, which is there once its tab is.
document.addEventListener("click", (event) => {
  const item = event.target.closest("#recent .thumbnail-item");
  if (!item) return;
  window.stepwise.recent = [...document.querySelectorAll("#recent .thumbnail-item")].indexOf(item);
  [...document.querySelectorAll('#tabs button[role="tab"]')].find((tab) => tab.textContent.trim() === "Gallery").click();
});

document.addEventListener("stepwise:drawn", () => { if (steps().length) trigger("turned"); });

// A file dropped anywhere goes through the upload button of its kind, and so through its checks.
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  const files = event.dataTransfer && event.dataTransfer.files;
  if (!files || !files.length || event.target.closest("#controls, #how-picture")) return; // these take their own, and the canvas its pictures
  const inputs = [...document.querySelectorAll('input[type=file][data-testid$="upload-button"]')];
  const input = inputs[files[0].name.endsWith(".stepwise") ? 1 : 0];
  if (!input) return;
  event.preventDefault();
  input.files = files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

watch("value", update);
update();
