// The live figures of the owner's page. Names are text, never markup.
const facts = document.querySelector(".sw-facts"), waiting = document.querySelector(".sw-waiting");

function made(kind, text) {
  const element = document.createElement(kind);
  element.textContent = text;
  return element;
}

async function look() {
  try {
    const now = await (await fetch("state")).json();
    facts.replaceChildren(...Object.entries(now.facts).flatMap(([name, value]) => [made("dt", name), made("dd", value)]));
    waiting.replaceChildren(...now.waiting.map(({ name, hue }) => {
      const item = made("li", name);
      item.style.setProperty("--hue", hue);
      return item;
    }));
  } catch { /* the server is away for a moment: the next look tells */ }
  setTimeout(look, 2000);
}
look();
