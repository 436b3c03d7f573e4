// Layers as pixels: drawn anew from the operations, kept up to date one operation at a time, with
// checkpoints on the way so that undo is exact and quick. What is shown is drawn at no more than
// MOST_SHOWN pixels; what is sent is drawn once at the document's own size.
const MOST_SHOWN = 4_000_000, CHECKPOINT_EVERY = 8, CHECKPOINT_BYTES = 32_000_000;

function sheetOf(width, height, options) {
  const made = document.createElement("canvas");
  made.width = Math.max(1, Math.round(width));
  made.height = Math.max(1, Math.round(height));
  return [made, made.getContext("2d", options)];
}

// Whether two placed operations are the same one at the same place.
const agree = (one, other) => one.operation === other.operation && one.x === other.x && one.y === other.y;
const shownScale = ({ width, height }) => Math.min(1, Math.sqrt(MOST_SHOWN / (width * height)));

class Raster {
  constructor(layer, found) {
    this.layer = layer;
    this.found = found;
    this.frame = "";
    [this.canvas, this.context] = sheetOf(1, 1);
  }

  // Bring the pixels up to date with the operations.
  render(operations, ink) {
    const size = sizeOf(operations), scale = shownScale(size), frame = `${size.width}x${size.height} ${ink}`;
    if (frame === this.frame && operations === this.shown && !this.base) return this.canvas;
    this.shown = operations;
    if (frame !== this.frame) {
      [this.canvas, this.context] = sheetOf(size.width * scale, size.height * scale);
      Object.assign(this, { frame, size, scale, ink, base: null, drawn: { last: null }, checkpoints: [] });
    }
    this.endDraft();
    const list = placed(operations, this.layer), from = this.rewind(list);
    this.context.setTransform(this.canvas.width / size.width, 0, 0, this.canvas.height / size.height, 0, 0);
    list.slice(from).forEach((each, at) => {
      paint(this.context, each, ink, scale, this.found);
      this.drawn = { last: each };
      if ((from + at + 1) % CHECKPOINT_EVERY === 0) this.checkpoint();
    });
    return this.canvas;
  }

  // Go back to the newest pixels that agree with the list; how many of its operations they hold.
  rewind(list) {
    const holds = ({ last }) => (last ? 1 + list.findIndex((each) => agree(each, last)) : 0);
    const now = holds(this.drawn);
    if (now && now === list.length) return now;
    const best = this.checkpoints.reduce((found, each) => (holds(each) > holds(found) ? each : found), { last: null });
    if (now && now >= holds(best)) return now;
    this.copyFrom(best.canvas);
    this.drawn = { last: best.last };
    return holds(best);
  }

  copyFrom(source) {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (source) this.context.drawImage(source, 0, 0);
  }

  copy() {
    const [made, context] = sheetOf(this.canvas.width, this.canvas.height);
    context.drawImage(this.canvas, 0, 0);
    return made;
  }

  checkpoint() {
    const { last } = this.drawn;
    if (this.checkpoints.some((each) => agree(each.last, last))) return;
    this.checkpoints.push({ last, canvas: this.copy() });
    const bytes = 4 * this.canvas.width * this.canvas.height;
    while (this.checkpoints.length > Math.max(2, CHECKPOINT_BYTES / bytes)) this.checkpoints.shift();
  }

  // Show an operation that is still being drawn on top of the pixels.
  draft(operation) {
    this.base ??= this.copy();
    const box = boundsOf(operation.points, (operation.size || 0) / 2 + 2), { width, height } = this.canvas;
    const left = Math.max(0, Math.floor(box.x * this.scale)), top = Math.max(0, Math.floor(box.y * this.scale));
    const across = Math.min(width, Math.ceil((box.x + box.width) * this.scale)) - left;
    const down = Math.min(height, Math.ceil((box.y + box.height) * this.scale)) - top;
    if (across <= 0 || down <= 0) return;
    this.context.save();
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(left, top, across, down);
    this.context.drawImage(this.base, left, top, across, down, left, top, across, down);
    this.context.restore();
    paint(this.context, { operation, x: 0, y: 0, ...this.size }, this.ink, this.scale, this.found);
  }

  endDraft() {
    if (!this.base) return;
    this.copyFrom(this.base);
    this.base = null;
  }
}

// A layer at the document's own size.
function fullSize(operations, layer, found) {
  const { width, height } = sizeOf(operations), [made, context] = sheetOf(width, height, { willReadFrequently: true });
  for (const each of placed(operations, layer)) paint(context, each, layer === "colour" ? "" : "#fff", 1, found);
  return made;
}

// The picture with its colours on it, opaque, at the document's own size.
function flattened(operations, colours, found) {
  const { width, height } = sizeOf(operations), [made, context] = sheetOf(width, height, { alpha: false });
  paintGround(context, placed(operations, "picture"), found, 1);
  context.drawImage(colours, 0, 0);
  return made;
}

const STRIP = 256;

// Whether nothing at all is on a canvas. It is read through a strip of its own, so that the canvas
// itself may stay where it is drawn fastest.
function isBare(canvas) {
  const { width, height } = canvas, [, context] = sheetOf(width, STRIP, { willReadFrequently: true });
  for (let top = 0; top < height; top += STRIP) {
    context.clearRect(0, 0, width, STRIP);
    context.drawImage(canvas, 0, -top);
    if (new Uint32Array(context.getImageData(0, 0, width, STRIP).data.buffer).some(Boolean)) return false;
  }
  return true;
}
