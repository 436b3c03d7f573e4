// The canvas: commands, the document's keeping, and what other parts of the page may ask of it.
// `element`, `upload` come from gr.HTML; the files before this one are part of the same script.
const KEEP_MS = 150, UPLOAD_LASTS_MS = 3_600_000;
let ready = false, keeping = null, openings = new Set();
const uploads = {};

const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const failed = (error) => say(error.message || String(error), true);

function say(text, bad = false) {
  const line = find("says");
  line.textContent = text;
  line.classList.toggle("sw-bad", bad);
}

// ---- changes

// Changes take turns, since some wait for a picture to be decoded: `step` makes the document that
// follows from the one before, or null if there is none.
let turn = Promise.resolve();
function change(step, reason) {
  const made = turn.then(() => makeChange(step, reason));
  turn = made.catch(() => {});
  return made;
}

async function makeChange(step, reason) {
  await restored;
  const next = step(now.document);
  if (!next) return;
  if (!isPrepared(next.operations)) await prepare(next.operations);
  put(next);
  if (find("says").matches(".sw-bad")) say("");
  showTools();
  redraw();
  keepSoon();
  tell("stepwise:canvas", { reason });
}

// Put a document in the place of the one that is shown, below a stroke that is being drawn.
function put(next) {
  const before = size();
  now.document = next;
  if (size().width !== before.width || size().height !== before.height) {
    abandon();
    now.view = null;
  }
  if (draft) rasters[draft.layer].render(next.operations, inkFor(draft.layer));
}

const add = (operation, reason) => change((document) => added(document, operation), reason);
const apply = (operation, reason) => add(operation, reason).catch(failed);
const undo = (document) => (canUndo(document) ? withoutLast(document) : null);
const redo = (document) => (canRedo(document) ? withUndone(document) : null);

function command(name) {
  const { layer, colour } = now;
  if (name === "undo" && draft) abandon();
  else if (name === "undo") change(undo, name).catch(failed);
  else if (name === "redo") change(redo, name).catch(failed);
  else if (name === "invert") apply({ kind: "invert", layer: "mask" }, name);
  else apply({ kind: name, layer, colour }, name);
}

function blank(width, height) {
  if (!allowedSize(width, height)) throw new Error(`A side is ${LEAST_SIDE} to ${MOST_SIDE} px, and all at most ${MOST_PIXELS / 1e6} megapixels.`);
  return add({ kind: "new", width, height }, "new");
}

function extend({ left = 0, top = 0, right = 0, bottom = 0 }) {
  const sides = [left, top, right, bottom], { width, height } = size();
  if (!sides.every((side) => Number.isInteger(side) && side >= 0) || !sides.some(Boolean)) throw new Error("Choose the sides to extend, and by how many px.");
  if (!allowedSize(width + left + right, height + top + bottom)) throw new Error("That would be larger than a canvas may be: extend by less.");
  return add({ kind: "extend", left, top, right, bottom }, "extend");
}

// Whether the picture has parts that were never painted.
function isExtended(operations) {
  const since = operations.findLastIndex((each) => each.kind === "image" || each.kind === "new");
  return operations.slice(since + 1).some((each) => each.kind === "extend");
}

// Bring a picture: `operation` says what becomes of it once its name and size are known.
async function bring(source, operation, reason) {
  await restored;
  const picture = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2), blob = await blobOf(source);
  openings.add(picture);
  try {
    const found = await remember(picture, blob);
    fresh.set(picture, blob);
    await keepPicture(picture, blob).catch(notKept);
    await change((document) => added(document, operation(picture, found, sizeOf(document.operations))), reason);
    say(found.scaled ? `Scaled down to ${found.width} × ${found.height} px, the largest a canvas may be.` : "");
  } finally {
    openings.delete(picture);
  }
}

const open = (source) => bring(source, (picture, { width, height }, before) => (
  { kind: "image", picture, width, height, keeps: before.width === width && before.height === height && !isExtended(now.document.operations) }), "open");
const loadMask = (source) => bring(source, (picture) => ({ kind: "load", layer: "mask", picture }), "mask");

// ---- keeping

const SETTINGS = ["layer", "tool", "brushes", "colour", "opacity", "hidden", "view"];

let stamp = 0; // when the document was last kept, by this tab or by the one it was taken over from

async function keep() {
  clearTimeout(keeping);
  keeping = null;
  stamp = Date.now();
  const { operations, undone } = now.document, settings = Object.fromEntries(SETTINGS.map((name) => [name, now[name]]));
  try {
    await keepDocument({ operations, undone, settings, stamp });
    const named = [...operations, ...undone, ...now.document.operations, ...now.document.undone].map((each) => each.picture);
    await forgetPictures(new Set([...named, ...openings]));
  } catch (error) {
    notKept(error);
  }
}

function keepSoon() {
  if (!ready) return;
  clearTimeout(keeping);
  keeping = setTimeout(keep, KEEP_MS);
}

const notKept = () => say("This browser does not let the canvas be kept: it lasts until the page is closed.");

// Take over what this or another tab of the browser has kept last.
async function restore() {
  const record = await keptDocument();
  if (!record || record.stamp <= stamp || keeping) return false;
  await prepare(record.operations);
  if (record.stamp <= stamp || keeping) return false; // something was drawn meanwhile
  const { operations, undone, settings } = record;
  put({ operations, undone });
  Object.assign(now, settings);
  stamp = record.stamp;
  showTools();
  redraw();
  tell("stepwise:canvas", { reason: "restore" });
  return true;
}

const restored = (async () => {
  let found = false;
  try {
    found = await restore();
  } catch (error) {
    if (error instanceof DOMException) notKept(error); else failed(error);
  }
  ready = true;
  resize();
  if (found) return;
  showTools();
  tell("stepwise:canvas", { reason: "restore" });
})();

const flush = () => { if (keeping) keep(); };
document.addEventListener("visibilitychange", () => { if (document.hidden) flush(); });
window.addEventListener("pagehide", flush);
window.addEventListener("blur", flush);
window.addEventListener("focus", () => { if (ready) restore().catch(notKept); });

// ---- for the rest of the page

function has(layer) {
  const { operations } = now.document;
  if (layer === "picture") return placed(operations, "picture")[0].operation.kind === "image" || has("colour");
  if (!placed(operations, layer).length || !isPrepared(operations)) return false;
  return !isBare(rasters[layer].render(operations, inkFor(layer)));
}

// What a layer's pixels follow from: as long as these are the same, so are they.
function causes(layer, operations) {
  const { width, height } = sizeOf(operations), last = (each) => placed(operations, each).at(-1);
  const ends = layer === "picture" ? [last("picture"), last("colour")] : [last(layer)];
  return [width, height, ...ends.flatMap((each) => (each ? [each.operation, each.x, each.y] : [null]))];
}

async function png(layer, operations) {
  if (layer === "picture") {
    const colours = fullSize(operations, "colour", pictureOf);
    return placed(operations, "picture")[0].operation.picture || !isBare(colours) ? pngOf(flattened(operations, colours, pictureOf)) : null;
  }
  const full = fullSize(operations, layer, pictureOf);
  return isBare(full) ? null : alphaPng(full);
}

// The server's path of a layer's PNG; "" if nothing is on it. Sent again only when it changed.
async function sent(layer, operations) {
  const from = causes(layer, operations), known = uploads[layer];
  const same = known && known.from.length === from.length && known.from.every((cause, index) => cause === from[index]);
  if (same && Date.now() - known.when < UPLOAD_LASTS_MS) return known.path;
  const blob = await png(layer, operations), path = blob ? (await upload(new File([blob], `${layer}.png`, { type: "image/png" }))).path : "";
  uploads[layer] = { from, path, when: Date.now() };
  return path;
}

// What is drawn so far, without the stroke that is still being drawn.
async function gather() {
  await restored;
  await turn;
  const { operations } = now.document, { width, height } = sizeOf(operations);
  await prepare(operations);
  const [picture, mask, sketch] = [await sent("picture", operations), await sent("mask", operations), await sent("sketch", operations)];
  const extended = isExtended(operations);
  return { width, height, picture, mask, sketch, extended };
}

// One after another: whoever asks while a layer is under way finds it sent, and is answered after those who asked before.
let sending = Promise.resolve();
const layers = () => (sending = sending.catch(() => {}).then(gather));

window.stepwise = Object.assign(window.stepwise || {}, {
  canvas: { open, blank, extend, loadMask, layers, has, size, isEmpty: () => !["picture", "mask", "sketch"].some(has) },
});
