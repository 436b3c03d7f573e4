// Draws the runs as a tree: one row a run, a line from the step where it leaves its parent.
const find = (name) => element.querySelector(`.sw-${name}`);
const rows = find("rows"), drawing = rows.querySelector("svg"), naming = find("naming"), menu = find("menu");
const drawn = new Map(); // the row of each run, kept, so that what has the focus keeps it
const WIDTH = 112, EDGE = 8, SVG = "http://www.w3.org/2000/svg";

const value = () => props.value || { rows: [], shown: "" };
const shown = () => value().rows.find((row) => row.id === value().shown);

function line(path, marked) {
  const made = document.createElementNS(SVG, "path");
  made.setAttribute("d", path);
  if (marked) made.setAttribute("class", "sw-now");
  drawing.append(made);
}

function dot(x, y, marked) {
  const made = document.createElementNS(SVG, "circle");
  for (const [name, number] of Object.entries({ cx: x, cy: y, r: 3.5 })) made.setAttribute(name, number);
  if (marked) made.setAttribute("class", "sw-now");
  drawing.append(made);
}

function button(name, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = name;
  made.addEventListener("click", act);
  return made;
}

function row({ id }) {
  const made = document.createElement("div"), open = button("sw-open", () => trigger("pick", { run: id }));
  const other = button("sw-with", () => window.stepwise.compare(id));
  made.className = "sw-row";
  made.setAttribute("role", "listitem");
  open.append(...["img", "span", "i"].map((name) => document.createElement(name)));
  open.firstChild.alt = "";
  other.textContent = "⇆";
  made.append(open, other);
  return made;
}

function fill(made, each) {
  const [open, other] = made.children, [thumb, title, state] = open.children, isShown = each.id === value().shown;
  if (isShown) open.setAttribute("aria-current", "true"); else open.removeAttribute("aria-current");
  thumb.className = each.thumb ? "" : "sw-blank";
  if (each.thumb && thumb.getAttribute("src") !== each.thumb) thumb.src = each.thumb;
  title.textContent = each.title;
  state.textContent = each.state;
  open.title = each.note || each.title;
  other.title = `Compare with ${each.title}`;
  other.setAttribute("aria-label", other.title);
  other.hidden = isShown || !shown();
}

// Rows that stay in order are not moved: a moved one would lose the focus.
function arrange(list) {
  for (const [id, made] of drawn) if (!list.some((each) => each.id === id)) { made.remove(); drawn.delete(id); }
  let at = drawing.nextElementSibling;
  for (const each of list) {
    if (!drawn.has(each.id)) drawn.set(each.id, row(each));
    const made = drawn.get(each.id);
    if (made === at) at = at.nextElementSibling; else rows.insertBefore(made, at);
    fill(made, each);
  }
}

function draw() {
  const list = value().rows, most = Math.max(1, ...list.map((each) => each.total)), now = shown();
  const height = parseFloat(getComputedStyle(find("tree")).getPropertyValue("--sw-row"));
  const x = (step) => EDGE + (step / most) * (WIDTH - 2 * EDGE), y = (index) => (index + 0.5) * height;
  drawing.replaceChildren();
  drawing.setAttribute("width", WIDTH);
  drawing.setAttribute("height", list.length * height);
  list.forEach((each, index) => {
    const parent = list.findIndex((other) => other.id === each.parent), marked = each === now;
    if (parent >= 0) line(`M${x(each.kept)} ${y(parent)}C${x(each.kept)} ${y(index)} ${x(each.kept)} ${y(index)} ${x(each.kept) + 6} ${y(index)}`, marked);
    line(`M${x(parent >= 0 ? each.kept : 0) + (parent >= 0 ? 6 : 0)} ${y(index)}H${x(each.steps)}`, marked);
    dot(x(each.steps), y(index), marked);
  });
  arrange(list);
  find("rename").disabled = find("take").disabled = find("share").disabled = !now;
  if (find("shared-link").dataset.run !== value().shown) find("shared-link").hidden = true;
  menu.inert = !now;
  menu.open &&= Boolean(now);
  const selected = now && drawn.get(now.id);
  if (selected && (selected.offsetTop < rows.scrollTop || selected.offsetTop + height > rows.scrollTop + rows.clientHeight)) {
    rows.scrollTop = selected.offsetTop - height;
  }
}

find("take").addEventListener("click", () => trigger("take"));
menu.addEventListener("click", (event) => {
  if (!event.target.dataset.kind) return;
  menu.open = false;
  menu.querySelector("summary").focus();
  trigger("keep", { kind: event.target.dataset.kind });
});
menu.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.open) return;
  event.stopPropagation(); // it closes the menu and stops no run
  menu.open = false;
  menu.querySelector("summary").focus();
});
document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
// Whatever the stage turns to meanwhile, the name is given to the run that it was asked for.
find("rename").addEventListener("click", () => {
  naming.hidden = !naming.hidden && naming.dataset.run === value().shown;
  if (naming.hidden || !shown()) return;
  naming.dataset.run = shown().id;
  find("name").value = shown().name;
  find("note-text").value = shown().note;
  find("name").focus();
});
function stopNaming() {
  if (naming.contains(document.activeElement)) find("rename").focus();
  naming.hidden = true;
}
naming.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.stopPropagation(); // it gives no name and stops no run
  stopNaming();
});
naming.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { run } = naming.dataset;
  find("unnamed").textContent = "";
  try {
    const given = await window.stepwise.ask("rename", { run, name: find("name").value, note: find("note-text").value });
    stopNaming();
    Object.assign(value().rows.find((row) => row.id === run) || {}, given);
    draw();
  } catch ({ message }) {
    find("unnamed").textContent = message; // what was typed stays
  }
});

// A link by which others watch the run. Copying may be refused, so it can be selected, too.
async function share() {
  const run = value().shown, made = await window.stepwise.ask("share", { run }).catch(({ message }) => ({ message }));
  const link = made.link && new URL(made.link, document.baseURI).href;
  find("shared-link").hidden = run !== value().shown;
  find("shared-link").dataset.run = run;
  find("told").textContent = made.message;
  find("link").value = link || "";
  find("link").select();
  if (link && navigator.clipboard) navigator.clipboard.writeText(link).then(() => { find("told").textContent = `Copied. ${made.message}`; }, () => {});
}
find("share").addEventListener("click", share);
find("unshare").addEventListener("click", async () => {
  const { run } = find("shared-link").dataset;
  try {
    const { message } = await window.stepwise.ask("unshare", { run });
    find("link").value = "";
    find("told").textContent = message;
  } catch ({ message }) {
    find("told").textContent = message; // it is shared still
  }
});

watch("value", draw);
draw();
