// The keyboard: tools and commands while the canvas has the focus or the pointer, and drawing with
// the arrow keys while its sheet has the focus.
const FIELDS = "input:not([type=range], [type=radio], [type=color], [type=file]), textarea, select, [contenteditable]";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STRIDE = 8; // CSS px of an arrow key; 1 with Shift
let crosshair = null; // the cursor that the arrow keys move, in px of the document

const KEYS = {
  b: () => chooseTool("brush"), e: () => chooseTool("eraser"), l: () => chooseTool("lasso"),
  x: () => chooseTool(now.tool === "eraser" ? "brush" : "eraser"), i: () => command("invert"),
  "[": () => resizeBrush(1 / 1.2), "]": () => resizeBrush(1.2),
  "+": () => zoomStep(1.25), "=": () => zoomStep(1.25), "-": () => zoomStep(0.8), 0: () => look(null),
};

function crosshairTo(x, y) {
  const { width, height } = size(), inside = (value, most) => Math.min(Math.max(value, 0), most);
  crosshair = [inside(x, width), inside(y, height)];
  if (draft) goOn(...crosshair, 1);
  showOutline(...toScreen(view(), ...crosshair));
  say(`${Math.round(crosshair[0])}, ${Math.round(crosshair[1])}${draft ? ", brush down" : ""}`);
}

function strideBy([across, down], fine) {
  if (!crosshair) return crosshairTo(size().width / 2, size().height / 2);
  const far = (fine ? 1 : STRIDE) / view().zoom;
  return crosshairTo(crosshair[0] + across * far, crosshair[1] + down * far);
}

function putBrush() {
  if (drawing !== null || !ready) return;
  if (!crosshair) crosshairTo(size().width / 2, size().height / 2);
  if (draft) {
    end();
    say("brush up");
  } else {
    begin(...crosshair, 1, false);
    say("brush down");
  }
}

// Whether a key was ours.
function pressed(event) {
  const focused = document.activeElement === sheet, control = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
  if (control && key === "z") return act(event.shiftKey ? "redo" : "undo");
  if (control && key === "y") return act("redo");
  if (control || event.altKey) return false;
  if (focused && ARROWS[event.key]) return strideBy(ARROWS[event.key], event.shiftKey) ?? true;
  if (focused && event.key === "Enter") return putBrush() ?? true;
  if (focused && event.key === "Escape" && draft) return abandon() ?? true;
  if (event.key === " " && (focused || !event.target.closest("button, a, input, summary, [role=listbox]"))) {
    spaceHeld ||= true;
    return true;
  }
  if (!KEYS[key] || document.body.classList.contains("sw-no-keys")) return false;
  KEYS[key]();
  return true;
}

const act = (name) => command(name) ?? true;
const isInUse = () => section.isConnected && box.width > 0 && (over || section.contains(document.activeElement));
const isOurs = (event) => isInUse() && !event.target.closest(FIELDS);

window.addEventListener("keydown", (event) => {
  if (!isOurs(event) || !pressed(event)) return;
  event.preventDefault();
  event.stopPropagation();
}, true);
window.addEventListener("keyup", (event) => {
  if (event.key !== " " || !spaceHeld) return;
  if (spaceHeld !== "used" && document.activeElement === sheet) putBrush();
  spaceHeld = false;
}, true);
window.addEventListener("blur", () => { spaceHeld = false; });
sheet.addEventListener("blur", () => { if (crosshair && draft && drawing === null) end(); crosshair = null; showOutline(); });
