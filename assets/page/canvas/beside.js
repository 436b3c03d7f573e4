// The canvas beside the stage: opened and put away, what of it Paint uses, and painting live.
const LIVE_MS = 200, TOLD_MS = 400, SLOW_MS = 500, OPENED = "stepwise-canvas";
const SENDING = "Sending what is drawn…";
const UNSENT = "What is drawn could not be sent. It is safe here: see that the studio can be reached, then paint again.";
let soon = null, telling = null, since = 0, seen = "";
const boards = () => document.querySelector("#boards"); // holds the canvas and the stage
const isBeside = () => "canvas" in (boards()?.dataset || {});

function showCanvas(on) {
  if (on) boards().dataset.canvas = ""; else delete boards().dataset.canvas;
  localStorage.setItem(OPENED, on ? "open" : "");
  for (const button of document.querySelectorAll(".sw-draw")) button.setAttribute("aria-pressed", on);
  const tabs = document.querySelectorAll('#side button[role="tab"]');
  if (tabs.length > 1) tabs[on ? 1 : 0].click();
  const canvas = window.stepwise.canvas, side = (name) => Number(document.querySelector(`#${name} input`)?.value);
  if (on && canvas.isEmpty() && allowedSize(side("width"), side("height"))) {
    const { width, height } = canvas.size();
    if (width !== side("width") || height !== side("height")) sized(side("width"), side("height")).catch(failed);
  }
  window.dispatchEvent(new Event("resize"));
  turned();
}

// A canvas on which nothing was ever done becomes another one; any other gets a step that can be undone.
const sized = (width, height) => now.document.operations.length > 1 ? blank(width, height) : change(() => blankDocument(width, height), "new");

async function drawn() {
  if (!isBeside()) return "";
  const slow = setTimeout(() => say(SENDING), SLOW_MS);
  try {
    const told = JSON.stringify(await layers());
    if ([UNSENT, SENDING].includes(find("says").textContent)) say("");
    return told;
  } catch (error) {
    say(UNSENT, true);
    throw error;
  } finally {
    clearTimeout(slow);
  }
}

async function onCanvas(picture) {
  if (!picture) return;
  await open(picture.url);
  showCanvas(true);
}

// The canvas of a request that starts from a picture or is led by a map; put away for any other.
async function asItWas(picture, mask, led) {
  const { has, isEmpty } = window.stepwise.canvas, { width, height } = size();
  if (!picture && !led) return isBeside() && showCanvas(false);
  if (picture) await open(picture.url);
  else if (!isEmpty()) await blank(width, height);
  for (const layer of ["mask", "sketch"]) if (has(layer)) await add({ kind: "clear", layer }, "clear");
  if (mask) await loadMask(mask.url);
  return showCanvas(true);
}

// Repaint when the pen rests; what is being painted is given up by the server.
document.addEventListener("stepwise:canvas", ({ detail }) => {
  clearTimeout(soon);
  if (detail.reason === "restore" || !find("live").checked || !isBeside()) return;
  soon = setTimeout(paintLive, LIVE_MS, performance.now());
});
function paintLive(rested) {
  since = rested;
  seen = document.querySelector(".sw-stage")?.dataset.run; // whatever it comes to, it does not know this stroke
  document.querySelector("#live")?.click();
}
document.addEventListener("stepwise:stroke", () => { clearTimeout(soon); clearTimeout(telling); });
document.addEventListener("stepwise:look", ({ detail }) => {
  if (!since || detail.state !== "finished" || detail.run === seen) return;
  find("delay").textContent = `${((performance.now() - since) / 1000).toFixed(2)} s behind the pen`;
  since = 0;
});
find("live").addEventListener("change", (event) => {
  clearTimeout(soon);
  find("delay").textContent = "";
  if (event.target.checked) tell("stepwise:canvas", { reason: "live" });
});

// What a branch would change is told anew when the drawing was changed, opened or put away.
function turned() {
  clearTimeout(telling);
  telling = setTimeout(() => document.dispatchEvent(new Event("stepwise:drawn")), TOLD_MS);
}
document.addEventListener("stepwise:canvas", turned);

document.addEventListener("click", (event) => { if (event.target.closest(".sw-draw")) showCanvas(!isBeside()); });
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=range]), textarea, select, [contenteditable]");
  if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("#stage")?.offsetParent === null) return;
  if (document.body.classList.contains("sw-no-keys")) return; // the switch in the header
  if (event.key === "d" || event.key === "D") showCanvas(!isBeside());
});

Object.assign(window.stepwise, { drawn, onCanvas, asItWas, showCanvas });
restored.then(() => { if (localStorage.getItem(OPENED)) showCanvas(true); });
