// The canvas's document: a plain list of operations, from which its size and everything on it
// follow. An operation is never changed: drawing adds one, undo takes it off, redo puts it back.
// Nothing here touches the page.
//
//   {kind: "new", width, height}                       a white ground
//   {kind: "image", picture, width, height, keeps}     a picture; keeps: mask and lines stay
//   {kind: "extend", left, top, right, bottom}         px on each side
//   {kind: "stroke", layer, erase, colour, size, hardness, points}    points: x, y, width 0..1, ...
//   {kind: "lasso", layer, erase, colour, points}      points: x, y, 1, ...
//   {kind: "fill" | "clear" | "invert", layer, colour} the whole layer
//   {kind: "load", layer, picture}                     a picture's luminance or alpha as the mask
//
// Coordinates are px of the document as it was when the operation was made.
const LEAST_SIDE = 16, MOST_SIDE = 8192, MOST_PIXELS = 24_000_000, OVERLAP = 8, MOST_PICTURES = 40;

const blankDocument = (width, height) => ({ operations: [{ kind: "new", width, height }], undone: [] });
const added = ({ operations }, operation) => ({ operations: settled([...operations, operation]), undone: [] });
const canUndo = ({ operations }) => operations.length > 1 && !operations.at(-1).settled;
const canRedo = ({ undone }) => undone.length > 0;
const withoutLast = ({ operations, undone }) => ({ operations: operations.slice(0, -1), undone: [...undone, operations.at(-1)] });
const withUndone = ({ operations, undone }) => ({ operations: [...operations, undone.at(-1)], undone: undone.slice(0, -1) });

// Whether a document may have this size.
const allowedSize = (width, height) => [width, height].every((side) => Number.isInteger(side) && side >= LEAST_SIDE && side <= MOST_SIDE)
  && width * height <= MOST_PIXELS;

// The size a picture is opened at: its own, or scaled down to what a document may have.
function openedSize(width, height) {
  const scale = Math.min(1, MOST_SIDE / Math.max(width, height), Math.sqrt(MOST_PIXELS / (width * height)));
  return { width: Math.floor(width * scale), height: Math.floor(height * scale) };
}

// The document's size after each operation.
function sizesOf(operations) {
  let width = 0, height = 0;
  return operations.map((each) => {
    if (each.kind === "extend") {
      width += each.left + each.right;
      height += each.top + each.bottom;
    } else if (each.width) ({ width, height } = each);
    return { width, height };
  });
}

const sizeOf = (operations) => sizesOf(operations).at(-1);

// Whether a layer begins anew with an operation: nothing before it is seen on that layer.
function begins(operation, layer) {
  if (operation.kind === "new") return true;
  if (operation.kind === "image") return !operation.keeps || layer === "picture" || layer === "colour";
  return operation.layer === layer && ["fill", "clear", "load"].includes(operation.kind);
}

function touches(operation, layer) {
  if (layer === "picture") return ["new", "image", "extend"].includes(operation.kind);
  return operation.layer === layer || (operation.kind === "extend" && layer === "mask");
}

// The operations that are seen on a layer, in order, each with the rectangle that was the document
// when it was made, in px of the document as it is now: later extensions have moved it.
function placed(operations, layer) {
  const sizes = sizesOf(operations), found = [];
  let x = 0, y = 0;
  for (let at = operations.length - 1; at >= 0; at--) {
    const operation = operations[at];
    if (touches(operation, layer)) found.unshift({ operation, x, y, ...sizes[at] });
    if (begins(operation, layer)) break;
    if (operation.kind === "extend") {
      x += operation.left;
      y += operation.top;
    }
  }
  return found;
}

// Without the pictures before the last `most`, so that the browser's disk does not fill up. What is
// still seen of mask and lines from before stays, and undo ends there. Drawings that were extended
// since they began stay as they are.
function settled(operations, most = MOST_PICTURES) {
  const first = operations.filter((each) => each.kind === "image").at(-most), at = operations.indexOf(first);
  if (at <= 0 || operations.filter((each) => each.kind === "image").length <= most) return operations;
  const before = operations.slice(0, at), seen = first.keeps ? ["mask", "sketch"].flatMap((layer) => placed(before, layer)) : [];
  const kept = before.filter((each) => seen.some(({ operation }) => operation === each)), since = before.slice(before.indexOf(kept[0]));
  if (kept.length && since.some((each) => each.kind === "extend")) return operations;
  const start = [{ kind: "new", ...sizeOf(before) }, ...kept, first].map((each) => ({ ...each, settled: true }));
  return [...start, ...operations.slice(at + 1)];
}

// The part of an extended document that is painted anew: its frame, with an overlap into the old
// on each side that grew. `inner` is what stays, and may be empty.
function extension({ operation, x, y, width, height }) {
  const [left, top, right, bottom] = ["left", "top", "right", "bottom"].map((side) => operation[side] && operation[side] + OVERLAP);
  const inner = { x: x + left, y: y + top, width: Math.max(0, width - left - right), height: Math.max(0, height - top - bottom) };
  return { outer: { x, y, width, height }, inner };
}

// What two fingers or a brush need: the rectangle around points, grown by a margin.
function boundsOf(points, margin) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let at = 0; at < points.length; at += 3) {
    left = Math.min(left, points[at]); right = Math.max(right, points[at]);
    top = Math.min(top, points[at + 1]); bottom = Math.max(bottom, points[at + 1]);
  }
  return { x: left - margin, y: top - margin, width: right - left + 2 * margin, height: bottom - top + 2 * margin };
}

// The pictures that are needed to draw the document.
const picturesOf = (operations) => ["picture", "mask"].flatMap((layer) => placed(operations, layer))
  .map(({ operation }) => operation).filter((operation) => operation.picture);
