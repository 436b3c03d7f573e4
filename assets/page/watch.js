// What gr.HTML gives the stage's script, for a page on which nothing can be done but look.
const section = document.querySelector("#stage"), listeners = [], props = { value: null };
const said = { run: "watched", state: "queued", message: "waiting for its turn", steps: [], total: 0, kept: 0, forward: [] };
const ACTIONS = ["b", "p", "1", "2", "3", "escape"];

document.addEventListener("keydown", (event) => {
  const acts = ACTIONS.includes(event.key.toLowerCase()) || ((event.ctrlKey || event.metaKey) && event.key === "Enter");
  if (acts) event.stopImmediatePropagation();
}, true);

function show(patch) {
  const steps = patch.reset ? [] : patch.steps || (patch.step ? [...props.value.steps, patch.step] : props.value.steps);
  // "full": there is no better picture to ask for here
  props.value = { ...props.value, ...patch, steps: steps.map((step) => ({ ...step, full: true })), run: said.run };
  if (patch.facts) tell(patch.facts);
  listeners.forEach((listener) => listener());
}

function tell(facts) {
  const list = document.querySelector(".sw-facts");
  list.replaceChildren();
  for (const [name, value] of Object.entries(facts)) {
    const term = document.createElement("dt"), said = document.createElement("dd");
    term.textContent = name;
    said.textContent = value;
    list.append(term, said);
  }
}

props.value = { ...said };
for (const name of ["draw", "start", "pause", "go", "stop", "views"]) section.querySelector(`.sw-${name}`).classList.add("sw-not-here");
section.querySelector(".sw-empty").replaceChildren("The picture appears here with its first step.");
(function (element, props, trigger, watch, server) {
/* stage.js */
})(section, props, () => {}, (_, listener) => listeners.push(listener), {});

const stream = new EventSource("events");
stream.onmessage = (event) => {
  const patch = JSON.parse(event.data);
  show(patch);
  if (patch.over) stream.close();
};
stream.onerror = () => {
  if (stream.readyState !== EventSource.CLOSED) return;
  show({ state: "stopped", message: "This is not shared any more." });
};
