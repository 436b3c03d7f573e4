// Mouse, pen and fingers: one draws, two move the view. While a pen is down, fingers are a palm.
const LEAST_PRESSURE = 0.05, ERASER_BUTTON = 32, PINCH_WHEEL = 0.0015;
const fingers = new Map();
let drawing = null, panning = null, pinching = null, penDown = false, spaceHeld = false, over = false;

function at(event) {
  const place = sheet.getBoundingClientRect();
  return [event.clientX - place.left, event.clientY - place.top];
}

// How wide a point of a stroke is, 0..1: pens press, everything else is as wide as the brush.
const widthOf = (event) => (event.pointerType === "pen" ? Math.max(LEAST_PRESSURE, event.pressure) : 1);

function down(event) {
  if (!ready || (event.pointerType === "touch" && penDown)) return;
  sheet.setPointerCapture(event.pointerId);
  sheet.focus({ preventScroll: true });
  crosshair = null;
  if (event.pointerType === "touch") fingers.set(event.pointerId, at(event));
  if (event.pointerType === "pen") {
    penDown = true;
    fingers.clear();
    pinching = null;
    if (drawing !== null) abandon();
  }
  if (fingers.size === 2) return beginPinch();
  if (fingers.size > 2 || pinching) return undefined;
  if (event.button === 1 || (spaceHeld && event.button === 0)) {
    panning = { id: event.pointerId, from: at(event) };
    spaceHeld &&= "used";
    return event.preventDefault();
  }
  if (event.button > 2 && event.button !== 5) return undefined;
  drawing = event.pointerId;
  return begin(...toDocument(view(), ...at(event)), widthOf(event), event.altKey || event.button === 2 || Boolean(event.buttons & ERASER_BUTTON));
}

function beginPinch() {
  drawing = null;
  abandon();
  pinching = [...fingers.values()];
  showOutline();
}

function move(event) {
  if (event.pointerType === "touch" && penDown) return;
  if (fingers.has(event.pointerId)) fingers.set(event.pointerId, at(event));
  if (pinching && fingers.size === 2) {
    const points = [...fingers.values()];
    look(pinched(view(), pinching, points));
    pinching = points;
  } else if (panning && panning.id === event.pointerId) {
    const [x, y] = at(event);
    look(moved(view(), x - panning.from[0], y - panning.from[1]));
    panning.from = [x, y];
  } else if (drawing === event.pointerId && draft) {
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const each of all.length ? all : [event]) goOn(...toDocument(view(), ...at(each)), widthOf(each));
  }
  if (!pinching && event.pointerType !== "touch") showOutline(...at(event));
}

function up(event) {
  if (event.pointerType === "pen") penDown = false;
  fingers.delete(event.pointerId);
  if (!fingers.size) pinching = null;
  if (panning && panning.id === event.pointerId) panning = null;
  if (drawing !== event.pointerId) return;
  drawing = null;
  end();
}

sheet.addEventListener("pointerdown", down);
sheet.addEventListener("pointermove", move);
sheet.addEventListener("pointerup", up);
sheet.addEventListener("pointercancel", up);
sheet.addEventListener("pointerleave", () => { if (!crosshair) showOutline(); });
sheet.addEventListener("contextmenu", (event) => event.preventDefault());
section.addEventListener("pointerenter", () => { over = true; });
section.addEventListener("pointerleave", () => { over = false; });
sheet.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const lines = event.deltaMode ? 16 : 1;
  look(zoomedAt(view(), Math.exp(-event.deltaY * lines * PINCH_WHEEL * (Math.abs(event.deltaY) < 50 ? 6 : 1)), ...at(event)));
}, { passive: false });
