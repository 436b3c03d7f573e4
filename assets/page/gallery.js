// The gallery: finished pictures in a grid that grows as it is scrolled, one of them large. Asks
// through `window.stepwise.ask`, as the stage does; only what goes to the controls is an event.
const find = (name) => element.querySelector(`.sw-${name}`);
const section = find("gallery"), form = find("search"), grid = find("grid"), viewer = find("viewer");
const [stars, trash, several, undone, nothing] = ["stars", "trash", "several", "undone", "nothing"].map(find);
const PAGE = 60, MOST = 600, THUMBS = 12, MOST_THUMBS = 600, PAUSE_MS = 200, RETRY_MS = 2000;
let pictures = [], more = true, round = 0, asking = false, current = null, thrown = [], fetching = false, typed = null;
const chosen = new Set(), thumbs = new Map(), wanted = new Set();

const tile = (id) => grid.querySelector(`[data-id="${id}"]`);
const known = (id) => pictures.find((each) => each.id === id);
const inTrash = () => trash.getAttribute("aria-pressed") === "true";
const selecting = () => several.getAttribute("aria-pressed") === "true";
const press = (button, on) => button.setAttribute("aria-pressed", on);
const count = (number) => `${number} ${number === 1 ? "picture" : "pictures"}`;
const day = (text, later) => { const [y, m, d] = text.split("-").map(Number); return new Date(y, m - 1, d + later) / 1000; };

async function ask(name, asked = {}) {
  const answer = await window.stepwise.ask(`gallery_${name}`, asked);
  if (answer.message) say(answer.message, false);
  return answer;
}

// The same for what a press asks for: where the studio cannot be reached it is told, and nothing has changed.
const pressed = (name, asked) => ask(name, asked).catch(({ message }) => { say(message, false); return {}; });

function say(text, undoable) {
  undone.firstElementChild.textContent = text;
  undone.classList.add("sw-there");
  find("undo").hidden = !undoable;
}

// ---- what is looked for

function search() {
  const { text, model, sampler, size, tag, seed, since, until } = Object.fromEntries(new FormData(form));
  const found = { text, model, sampler, size, tag, favourites: stars.getAttribute("aria-pressed") === "true", thrown: inTrash() };
  if (seed.trim()) found.seed = /^\d+$/.test(seed.trim()) ? Number(seed) : -2;
  if (since) found.since = day(since, 0);
  if (until) found.until = day(until, 1);
  return found;
}

const narrowed = () => Object.values({ ...search(), thrown: false }).some(Boolean);
const EMPTY = "Nothing here yet. Every picture you paint is kept here, with all its settings.";
const EMPTY_TRASH = "Nothing was thrown away. What you throw away can be brought back from here for 30 days, or until the room is needed.";

// The newest of what is searched for; as many as there were, where the place in them shall not be lost.
async function begin(many = PAGE) {
  round += 1;
  const mine = round, asked = Math.min(Math.max(many, PAGE), MOST);
  let answer;
  try {
    answer = await ask("page", { ...search(), count: asked });
  } catch { return void setTimeout(() => { if (mine === round) begin(many); }, RETRY_MS); } // the connection is gone
  if (mine !== round || answer.message) return;
  if (!answer.pictures) return void setTimeout(begin, PAUSE_MS, many); // the page was not yet told who looks
  pictures = [];
  more = true;
  grid.replaceChildren();
  add(answer, asked);
}

async function further() {
  if (asking || !more || !pictures.length) return;
  asking = true;
  const mine = round;
  let answer = {};
  try {
    answer = await ask("page", { ...search(), count: PAGE, before: pictures[pictures.length - 1].id });
  } catch { setTimeout(grow, RETRY_MS); } // the connection is gone
  asking = false;
  if (mine === round && answer.pictures) add(answer);
}

function grow() {
  const end = find("end").getBoundingClientRect();
  if (end.height && end.top < innerHeight + 600) further();
}

function add(answer, asked = PAGE) {
  more = answer.pictures.length === asked;
  pictures.push(...answer.pictures);
  grid.append(...answer.pictures.map(drawn));
  find("room").textContent = answer.room;
  find("room").classList.toggle("sw-nearly", answer.nearly);
  tell();
  grow();
}

function tell() {
  nothing.hidden = pictures.length > 0;
  nothing.textContent = narrowed() ? "No picture fits. Try fewer words, or clear the filters." : inTrash() ? EMPTY_TRASH : EMPTY;
  find("state").textContent = pictures.length ? `${count(pictures.length)}${more ? " so far, scroll for older ones" : ""}` : "";
  if (pictures.length && !grid.querySelector('[tabindex="0"]')) grid.querySelector(".sw-picture-button").tabIndex = 0;
  find("chosen").hidden = !selecting();
  find("how-many").textContent = `${chosen.size} selected`;
  find("zip").disabled = find("throw-many").disabled = find("back-many").disabled = !chosen.size;
}

async function choices() {
  const found = await pressed("choices", { thrown: inTrash() });
  if (!found.model) return;
  for (const name of ["model", "sampler", "size", "tag"]) {
    const field = form.elements[name], before = field.value;
    field.replaceChildren(new Option("any", ""), ...(found[name] || []).map((value) => new Option(value, value)));
    if ((found[name] || []).includes(before)) field.value = before;
  }
}

// ---- the grid

function drawn(picture) {
  const made = document.createElement("div"), open = document.createElement("button"), star = document.createElement("button");
  made.className = "sw-tile";
  made.dataset.id = picture.id;
  made.setAttribute("role", "listitem");
  open.type = star.type = "button";
  open.className = "sw-picture-button";
  open.tabIndex = -1;
  open.setAttribute("aria-label", `${picture.prompt || "no prompt"}, ${picture.made}`);
  if (!inTrash()) open.setAttribute("aria-keyshortcuts", "F Delete");
  open.title = picture.prompt;
  const image = document.createElement("img");
  image.alt = "";
  open.append(image);
  star.className = "sw-tile-star";
  star.tabIndex = -1;
  star.textContent = "★";
  star.setAttribute("aria-label", "Favourite");
  made.append(open, star);
  mark(made, picture);
  near.observe(made);
  return made;
}

function mark(made, picture) {
  const [open, star] = made.children;
  press(star, picture.favourite);
  if (selecting()) press(open, chosen.has(picture.id)); else open.removeAttribute("aria-pressed");
}

const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const id = Number(target.dataset.id), image = target.querySelector("img");
    if (!isIntersecting) { wanted.delete(id); image.removeAttribute("src"); }
    else if (thumbs.has(id)) image.src = thumbs.get(id);
    else wanted.add(id);
  }
  fetchThumbs();
}, { rootMargin: "600px" });

async function fetchThumbs() {
  if (fetching || !wanted.size) return;
  fetching = true;
  const ids = [...wanted].slice(0, THUMBS);
  ids.forEach((id) => wanted.delete(id));
  try {
    for (const [id, source] of Object.entries(await ask("thumbs", { ids, thrown: inTrash() }))) {
      if (thumbs.size > MOST_THUMBS) thumbs.delete(thumbs.keys().next().value);
      thumbs.set(Number(id), source);
      const made = tile(id);
      if (made) made.querySelector("img").src = source;
    }
  } catch { /* the connection is gone: they are asked for again when they come into sight */ }
  fetching = false;
  fetchThumbs();
}

new IntersectionObserver((entries) => { if (entries.some((each) => each.isIntersecting)) further(); }, { rootMargin: "600px" }).observe(find("end"));

function focus(id) {
  const button = tile(id) && tile(id).querySelector(".sw-picture-button");
  if (!button) return;
  grid.querySelectorAll('[tabindex="0"]').forEach((old) => { old.tabIndex = -1; });
  button.tabIndex = 0;
  button.focus();
}

// ---- what is done with pictures

async function star(id, on) {
  if (inTrash()) return;
  const given = await pressed("star", { id, on });
  if (given.favourite === undefined || !known(id)) return;
  known(id).favourite = given.favourite;
  mark(tile(id), known(id));
  if (current === id) press(find("star"), given.favourite);
}

async function throwAway(ids) {
  if (inTrash()) return;
  const gone = (await pressed("throw", { ids })).ids || [];
  if (gone.length) leave(gone, "thrown away");
}

async function bringBack(ids) {
  const gone = (await pressed("undo", { ids })).ids || [];
  if (gone.length) leave(gone, "brought back");
}

// Takes pictures out of what is shown, and says where they went.
function leave(gone, where) {
  const last = pictures.findIndex((each) => each.id === gone[0]);
  thrown = inTrash() ? [] : gone;
  pictures = pictures.filter((each) => !gone.includes(each.id));
  gone.forEach((id) => { chosen.delete(id); tile(id)?.remove(); });
  say(`${count(gone.length)} ${where}.`, !inTrash());
  const next = pictures[Math.max(0, Math.min(last, pictures.length - 1))];
  if (viewer.open && next) show(next.id); else if (viewer.open) viewer.close();
  tell();
  if (!viewer.open && next) focus(next.id);
  if (!next && more) begin(); // all that was shown is gone, and older ones are there
}

function dismiss() {
  undone.classList.remove("sw-there");
  undone.firstElementChild.textContent = "";
  thrown = [];
}

async function undo() {
  if (!thrown.length) return;
  const back = await pressed("undo", { ids: thrown });
  if (!back.ids) return;
  const many = pictures.length + thrown.length;
  dismiss();
  await begin(many);
  const id = back.ids && back.ids[0];
  if (id && viewer.open) show(id); else if (id) focus(id);
}

function toggle(id) {
  if (!chosen.delete(id)) chosen.add(id);
  mark(tile(id), known(id));
  tell();
}

function select(on) {
  press(several, on);
  several.textContent = on ? "Selecting" : "Select";
  if (!on) chosen.clear();
  pictures.forEach((each) => mark(tile(each.id), each));
  tell();
}

function send(event, id) {
  viewer.close();
  trigger(event, { id });
  document.querySelector('#tabs button[role="tab"]').click();
}

// ---- one picture, large

async function show(id) {
  const picture = known(id);
  if (!picture) return;
  current = id;
  if (!viewer.open) {
    viewer.append(undone); // what is outside of an open dialog cannot be reached
    viewer.showModal();
  }
  const index = pictures.indexOf(picture), image = viewer.querySelector("img");
  find("before").disabled = index === 0;
  find("after").disabled = index === pictures.length - 1 && !more;
  if (index > pictures.length - 6) further();
  image.alt = picture.prompt || "a picture without a prompt";
  image.src = thumbs.get(id) || "";
  showClip("");
  find("prompt").textContent = picture.prompt || "no prompt";
  press(find("star"), picture.favourite);
  tellOf({ tags: [], infotext: "", facts: [] });
  const full = await pressed("picture", { id, thrown: inTrash() });
  if (current !== id || !full.src) return;
  image.src = full.src;
  showClip(full.clip, full.name);
  tellOf(full);
}

// What is known of the picture that is shown; until it is, none of the one before can be taken for it.
function tellOf({ src, name, tags, infotext, facts }) {
  const link = find("download");
  if (src) Object.assign(link, { href: src, download: name }); else link.removeAttribute("href");
  find("tags").value = tags.join(", ");
  find("tagging").inert = !src;
  viewer.querySelector("pre").textContent = infotext;
  find("facts").replaceChildren(...facts.map(([name, value]) => {
    const pair = document.createElement("div"), term = document.createElement("dt"), said = document.createElement("dd");
    term.textContent = name;
    said.textContent = value;
    pair.append(term, said);
    return pair;
  }));
}

// What the picture stands for plays in its place, if it is a film, or below it, if it is a sound.
function showClip(address, name) {
  const box = find("clips"), link = find("download-clip"), film = address.endsWith(".mp4");
  box.hidden = link.hidden = !address;
  viewer.querySelector("img").hidden = film;
  box.replaceChildren(...(address ? [window.stepwise.player(address, film ? "Film" : "Sound")] : []));
  if (!address) return;
  link.textContent = film ? "Download film" : "Download sound";
  link.href = address;
  link.download = name.replace(/[.]png$/, address.slice(address.lastIndexOf(".")));
}

function turn(by) {
  const next = pictures[pictures.findIndex((each) => each.id === current) + by];
  if (next) show(next.id);
}

// ---- events

const later = () => { clearTimeout(typed); typed = setTimeout(begin, PAUSE_MS); };
form.addEventListener("submit", (event) => { event.preventDefault(); begin(); });
form.addEventListener("input", later);
stars.addEventListener("click", () => { press(stars, stars.getAttribute("aria-pressed") !== "true"); begin(); });
find("filter").addEventListener("click", (event) => {
  const shown = find("filters").hidden;
  find("filters").hidden = !shown;
  event.currentTarget.setAttribute("aria-expanded", shown);
  if (shown) choices();
});
trash.addEventListener("click", async () => {
  press(trash, !inTrash());
  if (inTrash()) section.dataset.thrown = ""; else delete section.dataset.thrown;
  select(false);
  dismiss();
  if (!find("filters").hidden) await choices(); // a choice that is not there any more is taken back
  begin();
});
find("clear").addEventListener("click", () => { form.reset(); press(stars, false); begin(); });
several.addEventListener("click", () => select(!selecting()));
find("done").addEventListener("click", () => select(false));
find("all").addEventListener("click", () => { pictures.forEach((each) => { chosen.add(each.id); mark(tile(each.id), each); }); tell(); });
find("zip").addEventListener("click", () => trigger("zip", { ids: [...chosen] }));
find("throw-many").addEventListener("click", () => throwAway([...chosen]));
find("back-many").addEventListener("click", () => bringBack([...chosen]));
find("back").addEventListener("click", () => bringBack([current]));
find("undo").addEventListener("click", undo);
find("dismiss").addEventListener("click", () => {
  dismiss();
  (viewer.open ? find("shut") : grid.querySelector('[tabindex="0"]'))?.focus({ preventScroll: true });
});
grid.addEventListener("click", (event) => {
  const made = event.target.closest(".sw-tile"), id = made && Number(made.dataset.id);
  if (!made) return;
  if (event.target.closest(".sw-tile-star")) star(id, !known(id).favourite);
  else if (selecting()) toggle(id);
  else show(id);
});
grid.addEventListener("keydown", (event) => {
  const made = event.target.closest(".sw-tile"), id = made && Number(made.dataset.id);
  if (!made || event.ctrlKey || event.metaKey || event.altKey) return;
  const wide = Math.max(1, Math.floor(grid.clientWidth / made.offsetWidth)), index = pictures.findIndex((each) => each.id === id);
  const to = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide, Home: -index, End: pictures.length - 1 - index }[event.key];
  if (to !== undefined) { if (pictures[index + to]) focus(pictures[index + to].id); event.preventDefault(); }
  else if (event.key === "f" || event.key === "F") star(id, !known(id).favourite);
  else if (event.key === "Delete") throwAway([id]);
});
viewer.addEventListener("keydown", (event) => {
  if (event.target.closest("input, pre, video, audio")) return;
  if (event.key === "ArrowLeft") turn(-1);
  else if (event.key === "ArrowRight") turn(1);
  else if (event.key === "f" || event.key === "F") find("star").click();
  else if (event.key === "Delete") throwAway([current]);
});
viewer.addEventListener("close", () => { const id = current; current = null; showClip(""); section.append(undone); viewer.querySelector("img").removeAttribute("src"); focus(id); });
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
find("before").addEventListener("click", () => turn(-1));
find("after").addEventListener("click", () => turn(1));
find("shut").addEventListener("click", () => viewer.close());
find("star").addEventListener("click", () => star(current, !known(current).favourite));
find("throw").addEventListener("click", () => throwAway([current]));
find("use").addEventListener("click", () => send("take", current));
find("start-from").addEventListener("click", () => send("start_from", current));
find("tagging").addEventListener("submit", async (event) => {
  event.preventDefault();
  const id = current, given = await pressed("tag", { id, tags: find("tags").value.split(",") });
  if (given.tags && id === current) find("tags").value = given.tags.join(", ");
});
section.addEventListener("keydown", (event) => { if (!event.ctrlKey && !event.metaKey) event.stopPropagation(); }); // the stage's keys are not ours

// Looked at again, it shows what was painted meanwhile; or of all pictures the one that was pressed beside the stage.
async function lookedAt() {
  const number = window.stepwise.recent;
  delete window.stepwise.recent;
  if (number === undefined) return selecting() ? undefined : begin(pictures.length);
  if (inTrash()) trash.click();
  select(false);
  form.reset();
  press(stars, false);
  await begin(pictures.length);
  if (pictures[number]) show(pictures[number].id);
}

new IntersectionObserver((entries) => { if (entries.some((each) => each.isIntersecting)) lookedAt(); }).observe(section);
