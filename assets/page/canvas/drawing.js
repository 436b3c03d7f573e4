// Drawing, with whatever points: what is being drawn begins, goes on, and becomes an operation.
const SPACING = 0.75; // CSS px between points that are kept

function begin(x, y, width, erase) {
  const layer = now.layer, lasso = now.tool === "lasso";
  now.hidden[layer] = false;
  rasters[layer].render(now.document.operations, inkFor(layer));
  draft = { kind: lasso ? "lasso" : "stroke", layer, erase: erase || now.tool === "eraser", colour: now.colour, points: [x, y, lasso ? 1 : width] };
  if (!lasso) Object.assign(draft, brush());
  tell("stepwise:stroke", { layer });
  showTools();
  redraw();
}

function goOn(x, y, width) {
  if (!draft) return; // ended from elsewhere, by Paint say
  const { points } = draft, apart = Math.hypot(x - points.at(-3), y - points.at(-2));
  if (apart * view().zoom < SPACING) return;
  points.push(x, y, draft.kind === "lasso" ? 1 : width);
  redraw();
}

function end() {
  if (!draft) return;
  const finished = { ...draft, points: Float32Array.from(draft.points) }, { layer } = draft;
  draft = null;
  rasters[layer].endDraft();
  if (finished.kind === "lasso" && finished.points.length < 9) redraw();
  else apply(finished, finished.kind);
}

function abandon() {
  if (!draft) return;
  const { layer } = draft;
  draft = null;
  rasters[layer].endDraft();
  redraw();
}
