// The models: those that are here, and the catalogue with its downloads. Asks through `window.stepwise.ask`,
// as the gallery does; only the choice of a model is an event.
const find = (name) => element.querySelector(`.sw-m-${name}`);
const section = element.querySelector(".sw-models"), list = find("list"), search = find("find");
const EVERY_MS = 1000, LOOK_MS = 3000, PAUSE_MS = 200, THUMBS = 12, LIT_MS = 1500, FOOT = 100, GIGABYTE = 1e9, MEGABYTE = 1e6;
const KINDS = { checkpoint: "Checkpoints", LoRA: "LoRAs", VAE: "VAEs", ControlNet: "ControlNets", "textual inversion": "Embeddings", "text encoder": "Text encoders", unknown: "Unknown", unreadable: "Cannot be read" };
const ONE = { checkpoint: "Checkpoint", unreadable: "Cannot be read", unknown: "Unknown kind", "textual inversion": "Embedding", "text encoder": "Text encoder" };
let side = "here", kind = "", shown = [], entries = [], progress = {}, round = 0, typed = null, following = null, looking = null;
const thumbs = new Map();

const ask = (name, asked = {}) => window.stepwise.ask(`models_${name}`, asked);
const visible = () => section.offsetParent !== null;
const amount = (bytes, unit) => unit === GIGABYTE ? (bytes / unit).toFixed(1) : Math.round(bytes / unit);

function made(tag, name, text) {
  const node = document.createElement(tag);
  if (name) node.className = `sw-m-${name}`;
  if (text) node.textContent = text;
  return node;
}

function button(text, act, strong) {
  const node = made("button", strong ? "strong" : "", text);
  node.type = "button";
  node.addEventListener("click", act);
  return node;
}

function link(text, address) {
  const node = made("a", "", text);
  Object.assign(node, { href: address, target: "_blank", rel: "noopener noreferrer" });
  return node;
}

// ---- those that are here

async function begin() {
  round += 1;
  const mine = round, inCatalogue = side === "catalogue";
  let answers;
  try {
    answers = await Promise.all(inCatalogue ? [ask("catalogue"), ask("progress")] : [ask("page", { text: search.value, kind })]);
  } catch { return void setTimeout(() => { if (mine === round && visible()) begin(); }, LOOK_MS); } // the connection is gone
  if (mine !== round) return;
  if (inCatalogue) catalogue(...answers); else here(...answers);
}

function here(answer) {
  if (!answer.models) return void setTimeout(begin, PAUSE_MS); // the page was not yet told who looks
  find("sides").hidden = !answer.owner;
  search.placeholder = answer.owner ? "Find by name, family or trigger word" : "Find by name or family";
  if (kind && !answer.kinds[kind]) { kind = ""; return void begin(); }
  shown = answer.models;
  list.replaceChildren(...shown.map(row));
  tell(answer);
  clearTimeout(looking);
  if (answer.scanning) looking = setTimeout(lookAgain, LOOK_MS);
}

// What somebody reads or has the focus in is not drawn anew.
function lookAgain() {
  if (!visible() || side !== "here") return;
  if (list.contains(document.activeElement) || list.querySelector("details[open]")) looking = setTimeout(lookAgain, LOOK_MS);
  else begin();
}

async function further() {
  const mine = round, answer = await ask("page", { text: search.value, kind, first: shown.length });
  if (mine !== round || !answer.models) return;
  const first = shown.length;
  shown.push(...answer.models);
  list.append(...answer.models.map(row));
  tell(answer);
  list.children[first]?.querySelector("summary")?.focus();
}

function tell(answer) {
  const order = Object.keys(KINDS).filter((name) => answer.kinds[name]), all = Object.values(answer.kinds).reduce((sum, one) => sum + one, 0);
  chips([["", "All", all], ...order.map((name) => [name, KINDS[name], answer.kinds[name]])], order.length > 1);
  find("state").textContent = answer.scanning ? "Looking through your folders…" : "";
  find("more").hidden = shown.length >= answer.total;
  const nothing = !shown.length ? ["No model fits.", "Try fewer words, or another kind."]
    : answer.owner && answer.all <= 2 && !search.value ? ["Your own models appear here.", "Start Stepwise with --models and the folder in which you keep them, that of AUTOMATIC1111 or ComfyUI too. Nothing is moved. Or look under Get more."] : null;
  say(nothing);
  fetchThumbs();
}

function chips(kinds, needed) {
  find("kinds").replaceChildren(...(needed ? kinds : []).map(([name, text, count]) => {
    const chip = button(text, () => { kind = name; begin(); });
    chip.append(made("span", "", String(count)));
    chip.setAttribute("aria-pressed", kind === name);
    return chip;
  }));
}

function say(lines) {
  find("nothing").hidden = !lines;
  (lines || ["", ""]).forEach((line, index) => { find("nothing").children[index].textContent = line; });
}

function head(model, picture) {
  const node = made("summary"), text = made("div", "text"), names = made("strong", "", model.title && side === "catalogue" ? model.title : model.name);
  node.append(picture, text);
  text.append(names, made("span", "line", [ONE[model.kind] || model.kind, model.family, model.size, model.hash].filter(Boolean).join("  ·  ")));
  return [node, text];
}

function portrait(model) {
  const place = made("span", "portrait", model.problem ? "!" : (ONE[model.kind] || model.kind || "?")[0]);
  place.setAttribute("aria-hidden", "true");
  if (model.picture) {
    place.dataset.id = model.id;
    if (thumbs.has(model.id)) place.replaceChildren(image(thumbs.get(model.id)));
  }
  return place;
}

function image(source) {
  const node = document.createElement("img");
  Object.assign(node, { src: source, alt: "" });
  return node;
}

function row(model) {
  const item = made("li", model.problem ? "problem" : ""), details = made("details"), [summary, text] = head(model, portrait(model));
  if (model.problem) text.append(made("span", "said", model.problem));
  else if (model.lacking) text.append(made("span", "lacking", model.lacking));
  else if (model.words) text.append(made("span", "words", model.words));
  const facts = [["Title", model.title], ["Trigger words", model.words], ["Notes", model.notes], ["Licence", model.licence], ...(model.facts || [])].filter(([, value]) => value);
  if (facts.length) {
    const told = made("dl");
    told.append(...facts.flatMap(([name, value]) => [made("dt", "", name), made("dd", "", value)]));
    details.append(summary, told);
    item.append(details);
  } else {
    const plain = made("div", "plain");
    plain.append(...summary.children);
    item.append(plain);
  }
  if (model.tag) item.append(act(button("Add to prompt", () => addToPrompt(model.tag)), `Add ${model.name} to the prompt`));
  if (model.vae) item.append(act(button("Use this VAE", () => send("decode", model.vae, "#vae")), `Use the VAE ${model.vae}`));
  if (model.control) item.append(act(button("Use on the canvas", () => send("lead", model.control)), `Use ${model.control} on the canvas`));
  if (model.paint) item.append(act(button("Paint with it", () => send("use", model.paint, "#model")), `Paint with ${model.paint}`));
  return item;
}

function act(node, label) {
  node.setAttribute("aria-label", label);
  const acts = made("div", "acts");
  acts.append(node);
  return acts;
}

function addToPrompt(tag) {
  const box = document.querySelector("#prompt textarea");
  box.value = `${box.value.trimEnd()} ${tag}`.trimStart();
  box.dispatchEvent(new Event("input", { bubbles: true }));
  document.querySelector('#tabs button[role="tab"]').click();
  window.stepwise.showWidget("#prompt");
}

function send(event, name, widget) {
  trigger(event, { name });
  document.querySelector('#tabs button[role="tab"]').click();
  if (widget) window.stepwise.showWidget(widget);
}

// A person who chose something here sees where it went: brought into sight, and lit up for a moment.
function showWidget(selector) {
  setTimeout(() => {
    const widget = document.querySelector(selector), box = widget && widget.getBoundingClientRect();
    if (!box) return;
    if (box.top < 0 || box.bottom > innerHeight - FOOT) widget.scrollIntoView({ block: "center" });
    const lit = (colour) => ({ outline: `2px solid ${colour}`, outlineOffset: "4px", borderRadius: "10px" });
    widget.animate([lit("var(--sw-accent)"), lit("transparent")], { duration: LIT_MS, easing: "ease-in" });
  }, PAUSE_MS);
}
window.stepwise = Object.assign(window.stepwise || {}, { showWidget });

async function fetchThumbs() {
  const wanted = [...list.querySelectorAll(".sw-m-portrait[data-id]:empty, .sw-m-portrait[data-id]:not(:has(img))")].map((place) => place.dataset.id).filter((id) => !thumbs.has(id));
  for (let at = 0; at < wanted.length; at += THUMBS) {
    const ids = wanted.slice(at, at + THUMBS), answer = await ask("thumbs", { ids }).catch(() => null);
    if (!answer) return; // the connection is gone: they are asked for with the next list
    for (const id of ids) {
      thumbs.set(id, answer[id]);
      const place = answer[id] && list.querySelector(`[data-id="${id}"]`);
      if (place) place.replaceChildren(image(answer[id]));
    }
  }
}

// ---- the catalogue

function catalogue(answer, now) {
  if (!answer.entries) return void setTimeout(begin, PAUSE_MS);
  entries = answer.entries;
  progress = now;
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = entries.filter((entry) => words.every((word) => `${entry.title} ${entry.family} ${entry.kind} ${entry.note}`.toLowerCase().includes(word)));
  const kinds = Object.keys(KINDS).filter((name) => fitting.some((entry) => entry.kind === name)), count = (name) => fitting.filter((entry) => entry.kind === name).length;
  if (kind && !kinds.includes(kind)) kind = "";
  chips([["", "All", fitting.length], ...kinds.map((name) => [name, KINDS[name], count(name)])], kinds.length > 1);
  const of = fitting.filter((entry) => !kind || entry.kind === kind);
  list.replaceChildren(...of.map(offer));
  find("state").textContent = "From the Hugging Face hub, safetensors only. Memory is that of all weights at once in half precision; a picture needs some more.";
  find("more").hidden = true;
  say(of.length ? null : ["Nothing in the catalogue fits.", "Try fewer words."]);
  follow();
}

function offer(entry) {
  const item = made("li"), plain = made("div", "plain"), text = made("div", "text"), acts = made("div", "acts");
  item.dataset.name = entry.name;
  const facts = [ONE[entry.kind] || entry.kind, entry.family, entry.download, entry.memory && `${entry.memory} of memory`].filter(Boolean).join("  ·  ");
  text.append(made("strong", "", entry.title), made("span", "line", facts));
  if (entry.note) text.append(made("span", "note", entry.note));
  if (entry.settings) text.append(made("span", "line", entry.settings));
  const terms = made("span", "terms");
  terms.append(link(entry.licence.name, entry.licence.url), " · ", link("its page", entry.page));
  if (entry.gated) terms.append(" · needs a token of the hub");
  text.append(terms);
  if (!entry.paints) text.append(made("span", "said", "Stepwise knows this family, but cannot paint with it yet."));
  plain.append(text);
  item.append(plain, acts);
  standing(entry, acts);
  return item;
}

function standing(entry, acts) {
  const now = progress[entry.name], state = entry.here ? "here" : now ? now.phase : "";
  acts.dataset.phase = state;
  if (state === "here") return void acts.replaceChildren(made("span", "is-here", "✓ here"));
  if (["waiting", "asking the hub", "downloading"].includes(state)) return void coming(entry, now, acts);
  const parts = [];
  if (now && now.sentence) parts.push(made("span", "said", now.sentence));
  const again = state === "cancelled" || state === "failed" || entry.kept;
  parts.push(named(button(again ? "Go on" : "Download", () => agree(entry, acts), again), `${again ? "Go on downloading" : "Download"} ${entry.title}`));
  if (again) parts.push(named(button("Throw away what came", () => change("discard", entry)), `Throw away what came of ${entry.title}`));
  acts.replaceChildren(...parts);
}

function named(node, label) {
  node.setAttribute("aria-label", label);
  return node;
}

function coming(entry, now, acts) {
  const unit = now.total >= GIGABYTE ? GIGABYTE : MEGABYTE, word = now.total ? `${amount(now.done, unit)} of ${amount(now.total, unit)} ${unit === GIGABYTE ? "GB" : "MB"}` : now.phase;
  let bar = acts.querySelector("progress");
  if (!bar) {
    bar = named(made("progress"), `Download of ${entry.title}`);
    acts.replaceChildren(bar, made("span", "far"), named(button("Cancel", () => change("cancel", entry)), `Cancel the download of ${entry.title}`));
  }
  if (now.total) { bar.max = now.total; bar.value = now.done; } else bar.removeAttribute("value");
  acts.querySelector(".sw-m-far").textContent = word;
}

function agree(entry, acts) {
  if (entry.accepted) return void change("start", entry);
  const asked = made("span", "asked"), yes = button("Accept and download", () => change("start", entry, true), true);
  asked.append("Read and accept its licence first: ", link(entry.licence.name, entry.licence.url));
  acts.replaceChildren(asked, yes, button("Not now", () => standing(entry, acts)));
  yes.focus();
}

async function change(what, entry, accepted = false) {
  const answer = await ask(what, { name: entry.name, accepted }).catch(({ message }) => ({ message }));
  if (answer.message) progress[entry.name] = { phase: "failed", sentence: answer.message, done: 0, total: 0 };
  else progress = answer;
  if (accepted && !answer.message) entries.filter((each) => each.licence.name === entry.licence.name).forEach((each) => { each.accepted = true; });
  if (what === "discard") entry.kept = "";
  const item = list.querySelector(`[data-name="${CSS.escape(entry.name)}"]`);
  if (item) standing(entry, item.querySelector(".sw-m-acts"));
  redraw();
  follow();
}

function redraw() {
  for (const item of list.querySelectorAll("[data-name]")) {
    const entry = entries.find((each) => each.name === item.dataset.name), acts = item.querySelector(".sw-m-acts");
    const now = progress[entry.name], moving = now && !["here", "cancelled", "failed"].includes(now.phase);
    if (moving || acts.dataset.phase !== (entry.here ? "here" : now ? now.phase : "")) standing(entry, acts);
  }
}

function follow() {
  clearTimeout(following);
  if (!Object.values(progress).some((now) => !["here", "cancelled", "failed"].includes(now.phase))) return;
  following = setTimeout(async () => {
    try {
      if (visible() && side === "catalogue") { progress = await ask("progress"); redraw(); }
    } catch { /* the connection is gone: it is asked for again */ }
    follow();
  }, EVERY_MS);
}

// ---- events

find("sides").addEventListener("click", (event) => {
  const chosen = event.target.closest("button");
  if (!chosen) return;
  side = chosen.dataset.side;
  kind = "";
  for (const each of find("sides").children) each.setAttribute("aria-pressed", each === chosen);
  section.dataset.side = side;
  list.replaceChildren();
  begin();
});
search.addEventListener("input", () => { clearTimeout(typed); typed = setTimeout(begin, PAUSE_MS); });
find("more").addEventListener("click", further);
section.addEventListener("keydown", (event) => { if (!event.ctrlKey && !event.metaKey) event.stopPropagation(); }); // the stage's keys are not ours

// Looked at again, it shows what has come meanwhile.
new IntersectionObserver((found) => { if (found.some((each) => each.isIntersecting)) begin(); }).observe(section);
