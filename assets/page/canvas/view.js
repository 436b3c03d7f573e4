// Where the document is on the screen: `zoom` CSS px per px of the document, x and y of its corner.
const MARGIN = 16, LEAST_ZOOM = 0.02, MOST_ZOOM = 32;

function fitted(size, box) {
  const zoom = Math.min((box.width - 2 * MARGIN) / size.width, (box.height - 2 * MARGIN) / size.height, MOST_ZOOM);
  return centred(size, box, Math.max(zoom, LEAST_ZOOM));
}

const centred = (size, box, zoom) => ({ zoom, x: (box.width - size.width * zoom) / 2, y: (box.height - size.height * zoom) / 2 });

// Zoomed by a factor with the point (x, y) of the screen staying where it is.
function zoomedAt(view, factor, x, y) {
  const zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, view.zoom * factor)), ratio = zoom / view.zoom;
  return { zoom, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
}

const moved = (view, x, y) => ({ ...view, x: view.x + x, y: view.y + y });
const toDocument = (view, x, y) => [(x - view.x) / view.zoom, (y - view.y) / view.zoom];
const toScreen = (view, x, y) => [view.x + x * view.zoom, view.y + y * view.zoom];

// Whether any of the document is on the screen.
const isInSight = ({ zoom, x, y }, size, box) => x < box.width && y < box.height && x + size.width * zoom > 0 && y + size.height * zoom > 0;

// The view after two fingers went from one pair of points to another.
function pinched(view, before, after) {
  const middle = ([a, b]) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], apart = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
  const [from, to] = [middle(before), middle(after)];
  return moved(zoomedAt(view, apart(after) / apart(before), ...from), to[0] - from[0], to[1] - from[1]);
}
