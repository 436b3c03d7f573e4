// What is seen: ground, colours, lines and mask on the screen's own pixels, and the brush's outline.
const find = (name) => element.querySelector(`.sw-${name}`);
const section = find("canvas"), board = find("board"), sheet = find("sheet"), outline = find("outline"), screen = sheet.getContext("2d");
const MASK_INK = "#f0a84b", DARK_INK = "#141414", LIGHT_INK = "#f4f4f4";
const rasters = Object.fromEntries(["colour", "mask", "sketch"].map((layer) => [layer, new Raster(layer, pictureOf)]));
const now = {
  document: blankDocument(512, 512),
  layer: "mask",
  tool: "brush",
  brushes: { mask: { size: 48, hardness: 0.8 }, colour: { size: 24, hardness: 1 }, sketch: { size: 4, hardness: 1 } },
  colour: "#c8402f",
  opacity: 0.6,
  hidden: { mask: false, colour: false, sketch: false },
  view: null, // null: fitted to the board
};
let box = { width: 0, height: 0 }, draft = null, asked = 0, ink = DARK_INK, inkOf = null;

const size = () => sizeOf(now.document.operations);
const brush = () => now.brushes[now.layer];
const view = () => now.view || fitted(size(), box);
const inkFor = (layer) => ({ colour: "", mask: MASK_INK, sketch: ink })[layer];

// Lines are dark, or light where the ground is dark.
function chooseInk(list, colours) {
  if (inkOf === now.document.operations) return;
  inkOf = now.document.operations;
  const { width, height } = size(), [, context] = sheetOf(16, 16, { willReadFrequently: true });
  context.scale(16 / width, 16 / height);
  paintGround(context, list, pictureOf, 0);
  context.drawImage(colours, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, 16, 16);
  let sum = 0;
  for (let at = 0; at < data.length; at += 4) sum += luminance(data, at);
  ink = sum / 256 < 96 ? LIGHT_INK : DARK_INK;
}

function draw() {
  asked = 0;
  const { operations } = now.document, { zoom, x, y } = view(), { width, height } = size(), dots = window.devicePixelRatio || 1;
  if (!box.width || !isPrepared(operations)) return;
  fitSheet();
  const ground = placed(operations, "picture"), shown = (layer) => (draft && draft.layer === layer ? rasters[layer].canvas : rasters[layer].render(operations, inkFor(layer)));
  const colours = shown("colour");
  chooseInk(ground, colours);
  screen.setTransform(1, 0, 0, 1, 0, 0);
  screen.clearRect(0, 0, sheet.width, sheet.height);
  screen.setTransform(zoom * dots, 0, 0, zoom * dots, x * dots, y * dots);
  screen.imageSmoothingEnabled = zoom * dots < 4;
  screen.imageSmoothingQuality = zoom * dots < 1 ? "high" : "medium";
  paintGround(screen, ground, pictureOf, zoom * dots);
  if (draft) rasters[draft.layer].draft(draft);
  for (const layer of ["colour", "sketch", "mask"]) {
    if (now.hidden[layer]) continue;
    screen.globalAlpha = layer === "mask" ? now.opacity : 1;
    screen.drawImage(shown(layer), 0, 0, width, height);
  }
  screen.globalAlpha = 1;
}

// As many dots as the screen has: the window may have moved to one of another density.
function fitSheet() {
  const [width, height] = [box.width, box.height].map((length) => Math.round(length * (window.devicePixelRatio || 1)));
  if (sheet.width !== width) sheet.width = width;
  if (sheet.height !== height) sheet.height = height;
}

const redraw = () => { asked ||= requestAnimationFrame(draw); };

function resize() {
  box = { width: board.clientWidth, height: board.clientHeight };
  fitSheet();
  if (now.view && !isInSight(now.view, size(), box)) now.view = null;
  if (box.width) draw();
  showZoom();
}

function look(next) {
  now.view = next;
  showZoom();
  redraw();
  keepSoon();
}

function showZoom() {
  find("percent").textContent = `${Math.round(view().zoom * 100)} %`;
  if (outline.at) showOutline(...outline.at);
}

// The brush's outline around a point of the screen; without a point none is shown.
function showOutline(x, y) {
  outline.at = x === undefined ? null : [x, y];
  outline.hidden = !outline.at;
  if (!outline.at) return;
  const across = Math.max(6, now.tool === "lasso" ? 6 : brush().size * view().zoom);
  outline.classList.toggle("sw-cross", Boolean(crosshair));
  outline.style.width = outline.style.height = `${across}px`;
  outline.style.transform = `translate(${x - across / 2}px, ${y - across / 2}px)`;
}
