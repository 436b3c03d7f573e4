// The live picture of the owner's page. Names are text, never markup.
const facts = document.querySelector(".sw-facts"), waiting = document.querySelector(".sw-waiting");
const drawn = document.querySelector(".sw-course");
const WIDE = 240, HIGH = 56, EDGE = 2;

function made(kind, text) {
  const element = document.createElement(kind);
  element.textContent = text;
  return element;
}

function shape(kind, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// The newest point is at the right edge, so that a curve that has just begun grows from there.
function curve({ name, shown, said, values, points }) {
  const most = Math.max(...values, 1), across = (WIDE - 2 * EDGE) / (points - 1);
  const at = (value, index) =>
    [WIDE - EDGE - (values.length - 1 - index) * across, HIGH - EDGE - (value / most) * (HIGH - 2 * EDGE)];
  const line = values.map((value, index) => at(value, index).map((each) => each.toFixed(1)).join(" ")).join(" L ");
  const [first, last] = [at(values[0], 0), at(values.at(-1), values.length - 1)];
  const svg = shape("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": said });
  svg.append(
    shape("path", { class: "sw-under", d: `M ${first[0]} ${HIGH} L ${line} L ${last[0]} ${HIGH} Z` }),
    shape("path", { class: "sw-over", d: `M ${line}` }),
    shape("circle", { class: "sw-newest", cx: last[0], cy: last[1], r: 2 }),
  );
  const item = document.createElement("li");
  item.append(made("span", name), made("b", shown), svg);
  return item;
}

async function look() {
  try {
    const now = await (await fetch("state")).json();
    drawn.replaceChildren(...now.curves.map(curve));
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
