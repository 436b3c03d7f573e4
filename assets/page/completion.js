// Completes the word that is typed in the prompt from what the model was taught.
const box = element.querySelector(".sw-completions"), MOST = 5;
let offered = [], field = null;

const phrases = () => (props.value && props.value.phrases) || [];

// What is typed of a phrase: the last one to three words before the caret.
function typed() {
  const before = field.value.slice(0, field.selectionStart);
  const words = before.split(/[\s,]+/);
  return [3, 2, 1].map((count) => words.slice(-count).join(" ")).filter((text) => text.length > 1 && before.endsWith(text));
}

function find() {
  for (const text of typed()) {
    if (phrases().includes(text.toLowerCase())) return []; // "cat" is a word, and no beginning of "cattle"
    const begins = phrases().filter((phrase) => phrase.startsWith(text.toLowerCase()) && phrase !== text.toLowerCase());
    if (begins.length) return begins.slice(0, MOST).map((phrase) => ({ phrase, text }));
  }
  return [];
}

function take({ phrase, text }) {
  const end = field.selectionStart, after = field.value.slice(end);
  field.value = field.value.slice(0, end - text.length) + phrase + (after.startsWith(" ") || !after ? "" : " ") + after;
  const caret = end - text.length + phrase.length;
  field.focus();
  field.setSelectionRange(caret, caret);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  draw([]);
}

function draw(found) {
  offered = found;
  box.replaceChildren(...found.map((each) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = each.phrase;
    made.addEventListener("mousedown", (event) => { event.preventDefault(); take(each); });
    made.addEventListener("click", () => offered.length && take(each));
    return made;
  }));
}

document.addEventListener("input", (event) => {
  if (!event.target.matches("#prompt textarea") || !event.isTrusted) return;
  field = event.target;
  draw(find());
});
document.addEventListener("keydown", (event) => {
  if (event.target !== field || !offered.length) return;
  if (event.key === "Tab" && !event.shiftKey) { event.preventDefault(); take(offered[0]); }
  else if (event.key === "Escape") { event.stopPropagation(); draw([]); } // it closes the list and stops no run
}, true);
document.addEventListener("focusout", (event) => { if (event.target === field && !box.contains(event.relatedTarget)) draw([]); });
