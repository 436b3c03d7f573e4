// Draws the runs as a tree: one row a run, a line from the step where it leaves its parent.
const find = (name) => element.querySelector(`.sw-${name}`);
const rows = find("rows"), drawing = rows.querySelector("svg"), naming = find("naming"), menu = find("menu");
const HEIGHT = 32, WIDTH = 112, EDGE = 8, SVG = "http://www.w3.org/2000/svg";

const value = () => props.value || { rows: [], shown: "" };
const shown = () => value().rows.find((row) => row.id === value().shown);

function line(path, marked) {
  const drawn = document.createElementNS(SVG, "path");
  drawn.setAttribute("d", path);
  if (marked) drawn.setAttribute("class", "sw-now");
  drawing.append(drawn);
}

function dot(x, y, marked) {
  const drawn = document.createElementNS(SVG, "circle");
  for (const [name, number] of Object.entries({ cx: x, cy: y, r: 3.5 })) drawn.setAttribute(name, number);
  if (marked) drawn.setAttribute("class", "sw-now");
  drawing.append(drawn);
}

function button(name, label, text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = name;
  made.textContent = text;
  if (label) made.setAttribute("aria-label", label);
  if (label) made.title = label;
  made.addEventListener("click", act);
  return made;
}

function row(each) {
  const made = document.createElement("div");
  made.className = "sw-row";
  made.setAttribute("role", "option");
  made.setAttribute("aria-selected", each.id === value().shown);
  const open = button("sw-open", "", "", () => trigger("pick", { run: each.id }));
  const thumb = document.createElement("img"), title = document.createElement("span"), state = document.createElement("i");
  thumb.alt = "";
  if (each.thumb) thumb.src = each.thumb; else thumb.className = "sw-blank";
  title.textContent = each.title;
  state.textContent = each.state;
  open.title = each.note || each.title;
  open.append(thumb, title, state);
  made.append(open);
  if (each.id !== value().shown && shown()) {
    made.append(button("sw-with", `Compare with ${each.title}`, "⇆", () => window.stepwise.compare(each.id)));
  }
  return made;
}

function draw() {
  const list = value().rows, most = Math.max(1, ...list.map((each) => each.total)), now = shown();
  const x = (step) => EDGE + (step / most) * (WIDTH - 2 * EDGE), y = (index) => index * HEIGHT + HEIGHT / 2;
  rows.querySelectorAll(".sw-row").forEach((old) => old.remove());
  drawing.replaceChildren();
  drawing.setAttribute("width", WIDTH);
  drawing.setAttribute("height", list.length * HEIGHT);
  list.forEach((each, index) => {
    const parent = list.findIndex((other) => other.id === each.parent), marked = each === now;
    if (parent >= 0) line(`M${x(each.kept)} ${y(parent)}C${x(each.kept)} ${y(index)} ${x(each.kept)} ${y(index)} ${x(each.kept) + 6} ${y(index)}`, marked);
    line(`M${x(parent >= 0 ? each.kept : 0) + (parent >= 0 ? 6 : 0)} ${y(index)}H${x(each.steps)}`, marked);
    dot(x(each.steps), y(index), marked);
    rows.append(row(each));
  });
  find("rename").disabled = find("take").disabled = find("share").disabled = !now;
  menu.classList.toggle("sw-off", !now);
  const selected = rows.querySelector('[aria-selected="true"]');
  if (selected && (selected.offsetTop < rows.scrollTop || selected.offsetTop + HEIGHT > rows.scrollTop + rows.clientHeight)) {
    rows.scrollTop = selected.offsetTop - HEIGHT;
  }
}

find("take").addEventListener("click", () => trigger("take"));
menu.addEventListener("click", (event) => {
  if (!event.target.dataset.kind) return;
  menu.open = false;
  trigger("keep", { kind: event.target.dataset.kind });
});
document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
find("rename").addEventListener("click", () => {
  naming.hidden = !naming.hidden;
  if (naming.hidden || !shown()) return;
  find("name").value = shown().name;
  find("note-text").value = shown().note;
  find("name").focus();
});
naming.addEventListener("submit", async (event) => {
  event.preventDefault();
  naming.hidden = true;
  const given = await window.stepwise.ask("rename", { name: find("name").value, note: find("note-text").value });
  const now = shown();
  if (now && given.name !== undefined) {
    Object.assign(now, given, given.name ? { title: given.name } : {});
    draw();
  }
});

// A link by which others watch the run. Copying may be refused, so it can be selected, too.
async function share() {
  const made = await window.stepwise.ask("share", {}), link = made.link && new URL(made.link, document.baseURI).href;
  find("shared-link").hidden = false;
  find("told").textContent = made.message;
  find("link").value = link || "";
  find("link").select();
  if (link && navigator.clipboard) navigator.clipboard.writeText(link).then(() => { find("told").textContent = `Copied. ${made.message}`; }, () => {});
}
find("share").addEventListener("click", share);
find("unshare").addEventListener("click", async () => {
  find("link").value = "";
  find("told").textContent = (await window.stepwise.ask("unshare", {})).message;
});

watch("value", draw);
draw();
