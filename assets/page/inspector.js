// Shows what the step that is looked at holds; asks for it a moment after the scrubbing rests.
const find = (name) => element.querySelector(`.sw-${name}`);
const REST_MS = 120, SVG = "http://www.w3.org/2000/svg";
const LINES = [["sigma", "sw-a", true], ["change", "sw-b", false], ["guidance", "sw-c", false]];
let now = { run: "", index: -1 }, numbers = [], of = "", timer = null;

const same = (then) => then.run === now.run && then.index === now.index;
const text = (value) => (value === null || value === undefined ? "–" : Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

function reveal(ready) {
  for (const name of ["numbers", "curves", "legend", "inside", "ask"]) find(name).toggleAttribute("hidden", !ready);
  find("hint").hidden = ready;
}

function curve(name, logarithmic) {
  const values = numbers.map((each) => each[name]).map((value) => (value === null ? null : logarithmic ? Math.log(Math.max(value, 1e-4)) : value));
  const known = values.slice(name === "change" ? 1 : 0).filter((value) => value !== null);
  if (known.length < 2) return "";
  const low = logarithmic ? Math.min(...known) : 0, high = Math.max(...known);
  const points = values.map((value, index) => (value === null || (name === "change" && !index) ? null
    : `${x(index).toFixed(1)},${(78 - (72 * (value - low)) / Math.max(high - low, 1e-9)).toFixed(1)}`));
  return points.filter(Boolean).join(" ");
}

const x = (index) => 4 + (232 * index) / Math.max(now.total - 1, 1);

function drawCurves() {
  const drawing = find("curves");
  drawing.replaceChildren();
  const marker = document.createElementNS(SVG, "line");
  for (const [name, number] of Object.entries({ x1: x(now.index), x2: x(now.index), y1: 2, y2: 82 })) marker.setAttribute(name, number);
  drawing.append(marker);
  for (const [name, kind, logarithmic] of LINES) {
    const drawn = document.createElementNS(SVG, "polyline");
    drawn.setAttribute("points", curve(name, logarithmic));
    drawn.setAttribute("class", kind);
    drawing.append(drawn);
  }
}

function drawNumbers() {
  const at = now.busy ? Math.min(now.index, numbers.length - 1) : now.index, step = numbers[at]; // they come a little later than the picture
  find("which").textContent = step ? `step ${at + 1}` : "a step";
  element.querySelectorAll("[data-number]").forEach((field) => { field.textContent = step ? text(step[field.dataset.number]) : "…"; });
  drawCurves();
}

async function refresh() {
  const asked = { ...now };
  if (of !== `${asked.run}/${asked.count}`) {
    const found = await window.stepwise.ask("inspect", {});
    if (asked.run !== now.run) return;
    numbers = found.steps;
    of = `${asked.run}/${asked.count}`;
  }
  drawNumbers();
  if (asked.busy) return;
  for (const image of element.querySelectorAll("img[data-view]")) {
    const source = await window.stepwise.ask("look", { index: asked.index, view: image.dataset.view });
    if (!same(asked)) return;
    image.closest("figure").hidden = !source;
    if (source) image.src = source;
  }
}

find("ask").addEventListener("click", async () => {
  const asked = { ...now }, cost = find("cost");
  cost.hidden = false;
  cost.textContent = "asking the model…";
  const found = await window.stepwise.ask("words", { index: asked.index }).catch(({ message }) => ({ message, words: [] }));
  if (!same(asked)) return;
  cost.textContent = found.message;
  find("maps").hidden = !found.words.length;
  find("maps").replaceChildren(...found.words.map((each) => {
    const figure = document.createElement("figure"), image = document.createElement("img"), name = document.createElement("figcaption");
    image.src = each.src;
    image.alt = `Where “${each.word}” looks`;
    name.textContent = each.word;
    figure.append(image, name);
    return figure;
  }));
});

// A step is branched from while there are others to come.
function offerBranch({ index, total }) {
  const isLast = index + 1 >= total, hint = document.querySelector(".sw-no-branch");
  document.querySelector("#branch").disabled = isLast;
  hint.hidden = !isLast;
  hint.textContent = total ? "Nothing is left to paint after the last step: look at an earlier one." : "Paint something, then go on from any of its steps with other settings.";
}

document.addEventListener("stepwise:look", ({ detail }) => {
  offerBranch(detail);
  const turned = detail.run !== now.run || detail.index !== now.index;
  if (detail.run !== now.run) {
    element.querySelectorAll("img[data-view]").forEach((image) => image.removeAttribute("src"));
    numbers = [];
  }
  now = detail;
  element.style.setProperty("--ratio", detail.ratio || 1);
  for (const place of document.querySelectorAll(".sw-at")) place.textContent = detail.count ? `step ${detail.index + 1}` : "a step";
  reveal(detail.count > 0);
  if (detail.count <= 0) {
    find("which").textContent = "a step";
    const noised = detail.run && detail.index < 0 && !detail.busy && detail.state !== "failed";
    find("hint").textContent = detail.index < -1 || noised
      ? "Here the picture you start from is being noised; the model has not done anything yet."
      : "Paint something, then look inside any of its steps here.";
    return;
  }
  if (turned) find("maps").hidden = find("cost").hidden = true;
  find("ask").disabled = detail.busy;
  drawNumbers();
  if (!detail.busy) timer = clearTimeout(timer); // or steps that come faster than that would put it off for ever
  timer ??= setTimeout(() => { timer = null; refresh().catch(() => {}); }, REST_MS); // without a connection it stays as it is
});
