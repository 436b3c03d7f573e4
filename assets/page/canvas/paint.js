// Draws operations: what each of them does to a layer's 2D context, whose transform takes px of
// the document. Layers hold their coverage in alpha; the mask is painted in one ink, the lines in
// another, colours in their own.
const FAR = 20_000; // px by which a soft stroke is drawn out of sight, so that only its shadow is seen
const SOFTEST = 5; // the edge of a soft brush is this many standard deviations wide

// A polyline through x, y, width points, rounded at its corners.
function linePath(points) {
  const path = new Path2D(), last = points.length - 3;
  path.moveTo(points[0], points[1]);
  for (let at = 3; at < last; at += 3) {
    const [x, y] = [points[at], points[at + 1]];
    path.quadraticCurveTo(x, y, (x + points[at + 3]) / 2, (y + points[at + 4]) / 2);
  }
  path.lineTo(points[last], points[last + 1]);
  return path;
}

// A stroke of changing width as one outline: discs and the quadrilaterals between them, all of the
// same turning, so that where they overlap they are still filled once.
function outlinePath(points, size) {
  const path = new Path2D();
  for (let at = 0; at < points.length; at += 3) {
    const [x, y, radius] = [points[at], points[at + 1], (points[at + 2] * size) / 2];
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
    if (!at) continue;
    const [u, v, before] = [points[at - 3], points[at - 2], (points[at - 1] * size) / 2], far = Math.hypot(x - u, y - v) || 1;
    const [across, down] = [(v - y) / far, (x - u) / far];
    path.moveTo(u + across * before, v + down * before);
    path.lineTo(u - across * before, v - down * before);
    path.lineTo(x - across * radius, y - down * radius);
    path.lineTo(x + across * radius, y + down * radius);
    path.closePath();
  }
  return path;
}

function paintLine(context, points, size) {
  let even = points.length > 3; // a canvas strokes no line of length 0
  for (let at = 2; at < points.length; at += 3) even = even && points[at] === 1;
  if (!even) return context.fill(outlinePath(points, size));
  context.lineWidth = size;
  context.lineCap = context.lineJoin = "round";
  return context.stroke(linePath(points));
}

// The edge is the blur of a shadow, which every browser has, and which covers a stroke evenly
// however often it crosses itself.
function paintStroke(context, { points, size, hardness }, scale) {
  const edge = (size / 2) * (1 - hardness);
  if (edge * scale < 0.5) return paintLine(context, points, size);
  context.shadowColor = context.fillStyle;
  context.shadowBlur = (2 * edge * scale) / SOFTEST;
  context.shadowOffsetX = FAR;
  context.translate(-FAR / scale, 0);
  return paintLine(context, points, size - edge);
}

function paintLasso(context, { points }) {
  const path = new Path2D();
  for (let at = 0; at < points.length; at += 3) path.lineTo(points[at], points[at + 1]);
  path.closePath();
  context.fill(path);
}

function paintExtension(context, each) {
  const { outer, inner } = extension(each), path = new Path2D();
  path.rect(outer.x, outer.y, outer.width, outer.height);
  path.rect(inner.x, inner.y, inner.width, inner.height);
  context.fill(path, "evenodd");
}

// Paint one placed operation. `ink`: the layer's colour, or "" where strokes have their own;
// `scale`: px of the context per px of the document; `found`: pictures by name.
function paint(context, each, ink, scale, found) {
  const { operation, x, y, width, height } = each, area = [x, y, width, height];
  context.save();
  context.beginPath();
  context.rect(...area);
  context.clip();
  context.fillStyle = context.strokeStyle = ink || operation.colour || "#000";
  if (operation.erase) context.globalCompositeOperation = "destination-out";
  switch (operation.kind) {
    case "stroke": context.translate(x, y); paintStroke(context, operation, scale); break;
    case "lasso": context.translate(x, y); paintLasso(context, operation); break;
    case "fill": context.fillRect(...area); break;
    case "clear": context.clearRect(...area); break;
    case "invert": context.globalCompositeOperation = "xor"; context.fillRect(...area); break;
    case "load": context.clearRect(...area); context.drawImage(found(operation.picture).coverage(ink), ...area); break;
    case "extend": paintExtension(context, each); break;
  }
  context.restore();
}

// Paint the ground: the picture or white, and mid-grey where the document was extended.
function paintGround(context, list, found, scale) {
  const { operation, x, y, width, height } = list[0], whole = list.at(-1);
  context.fillStyle = "#808080";
  context.fillRect(0, 0, whole.width, whole.height);
  context.fillStyle = "#fff";
  context.fillRect(x, y, width, height);
  if (operation.picture) context.drawImage(found(operation.picture).at(scale), x, y, width, height);
}
