// The rail, the bar and the panels: buttons that choose tools and give commands.
const LARGEST = 1024;
const sizeAt = (place) => Math.max(1, Math.round(LARGEST ** (place / 100)));
const placeOf = (pixels) => (100 * Math.log(pixels)) / Math.log(LARGEST);

function chooseTool(tool) {
  now.tool = tool;
  showTools();
  keepSoon();
}

function resizeBrush(factor) {
  const before = brush().size, next = factor > 1 ? Math.max(before + 1, Math.round(before * factor)) : Math.min(before - 1, Math.round(before * factor));
  now.brushes[now.layer].size = Math.min(LARGEST, Math.max(1, next));
  showTools();
  keepSoon();
}

const zoomStep = (factor) => look(zoomedAt(view(), factor, box.width / 2, box.height / 2));

function slide(slider, value) {
  slider.value = value;
  slider.style.setProperty("--done", `${(100 * (value - slider.min)) / (slider.max - slider.min)}%`);
}

function showTools() {
  const { width, height } = size(), { layer, tool } = now, nothing = now.document.operations.length === 1 && !draft;
  section.dataset.layer = layer;
  section.dataset.using = tool;
  element.querySelectorAll("[data-tool]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.tool === tool));
  element.querySelectorAll("[name=sw-layer]").forEach((radio) => { radio.checked = radio.value === layer; });
  slide(find("size"), placeOf(brush().size));
  find("size").setAttribute("aria-valuetext", `${brush().size} px`);
  find("size-said").textContent = `${brush().size} px`;
  slide(find("hardness"), brush().hardness * 100);
  slide(find("opacity"), now.opacity * 100);
  find("colour").value = now.colour;
  const eye = find("eye"), named = { mask: "mask", colour: "colours", sketch: "lines" }[layer];
  eye.setAttribute("aria-pressed", now.hidden[layer]);
  eye.setAttribute("aria-label", `Hide the ${named} while looking`);
  eye.title = now.hidden[layer] ? `Show the ${named}` : `Hide the ${named} while looking; they count all the same`;
  element.querySelector('[data-command="undo"]').disabled = !canUndo(now.document);
  element.querySelector('[data-command="redo"]').disabled = !canRedo(now.document);
  find("blank").hidden = !nothing;
  sheet.setAttribute("aria-label", `Canvas, ${width} by ${height} px`);
  find("measures").textContent = `${width} × ${height}`;
  showZoom();
}

function openPanel(name) {
  for (const panel of element.querySelectorAll(".sw-panel")) panel.hidden = panel.dataset.panel !== name || !panel.hidden;
  for (const button of element.querySelectorAll("[data-opens]")) {
    button.setAttribute("aria-expanded", !element.querySelector(`.sw-panel[data-panel="${button.dataset.opens}"]`).hidden);
  }
  const panel = element.querySelector(".sw-panel:not([hidden])");
  if (!panel) return;
  if (name === "new") [panel.width.value, panel.height.value] = [size().width, size().height];
  panel.querySelector("input").focus();
}

const closePanels = () => openPanel("");

section.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { tool, command: name, opens, picks, zoom } = button.dataset;
  if (tool) chooseTool(tool);
  else if (name) command(name);
  else if (opens) openPanel(opens);
  else if (picks) find(picks).click();
  else if (zoom) ({ in: () => zoomStep(1.25), out: () => zoomStep(0.8), fit: () => look(null), whole: () => look(centred(size(), box, 1)) })[zoom]();
  else if (button === find("eye")) {
    now.hidden[now.layer] = !now.hidden[now.layer];
    showTools();
    redraw();
    keepSoon();
  }
});

section.addEventListener("input", ({ target }) => {
  if (target.name === "sw-layer") now.layer = target.value;
  else if (target === find("size")) now.brushes[now.layer].size = sizeAt(target.value);
  else if (target === find("hardness")) now.brushes[now.layer].hardness = target.value / 100;
  else if (target === find("opacity")) now.opacity = target.value / 100;
  else if (target === find("colour")) now.colour = target.value;
  else return;
  showTools();
  if (target === find("size")) showOutline(box.width / 2, box.height / 2);
  redraw();
  keepSoon();
});
find("size").addEventListener("change", () => showOutline());

for (const panel of element.querySelectorAll(".sw-panel")) {
  panel.addEventListener("submit", (event) => {
    event.preventDefault();
    const numbers = new FormData(panel), number = (name) => Math.round(Number(numbers.get(name)));
    try {
      if (panel.dataset.panel === "new") blank(number("width"), number("height"));
      else extend(Object.fromEntries(numbers.getAll("side").map((side) => [side, number("pixels")])));
      say("");
      closePanels();
      sheet.focus({ preventScroll: true });
    } catch (error) {
      failed(error);
    }
  });
  panel.addEventListener("keydown", (event) => { if (event.key === "Escape") { closePanels(); event.stopPropagation(); } });
}

// ---- pictures from outside

const fileIn = (data) => [...((data && data.files) || [])].find((file) => file.type.startsWith("image/"));

// The address of a picture that was dragged from this page.
function pictureIn(data) {
  const [url] = data.getData("text/uri-list").split("\n");
  return url.startsWith("data:image/") || url.startsWith(`${window.location.origin}/`) ? url : null;
}

function take(source, event) {
  if (!source) return;
  event.preventDefault();
  event.stopPropagation();
  open(source).catch(failed);
}

find("file").addEventListener("change", ({ target }) => { if (target.files[0]) open(target.files[0]).catch(failed); target.value = ""; });
find("mask-file").addEventListener("change", ({ target }) => { if (target.files[0]) loadMask(target.files[0]).catch(failed); target.value = ""; });
section.addEventListener("dragover", (event) => { event.preventDefault(); board.classList.add("sw-over"); });
section.addEventListener("dragleave", () => board.classList.remove("sw-over"));
section.addEventListener("drop", (event) => { board.classList.remove("sw-over"); take(fileIn(event.dataTransfer) || pictureIn(event.dataTransfer), event); });
document.addEventListener("paste", (event) => {
  if (isOurs(event)) take(fileIn(event.clipboardData), event);
}, true);

new ResizeObserver(resize).observe(board);
