// Making elements. Text from outside only ever becomes text.

/** An element: properties by name (`on...` are listeners, `class`, `data-...` and `aria-...` attributes), then children. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && !name.includes("-") && name !== "list") node[name] = value;
    else node.setAttribute(name === "class" ? "class" : name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

/** A labelled control: the label's words, the control, and a line of help below. */
export function field(words, control, help = "") {
  control.id ||= `f${Math.random().toString(36).slice(2, 9)}`;
  const hint = help && el("small", { id: `${control.id}-help` }, help);
  if (hint) control.setAttribute("aria-describedby", hint.id);
  return el("div", { class: "field" }, el("label", { htmlFor: control.id }, words), control, hint);
}

/** A slider with its value beside its label; `change` gets the number while it moves. */
export function slider(words, { min, max, step, value, help = "", show = (number) => number, change }) {
  const output = el("output", {}, show(Number(value)));
  const input = el("input", { type: "range", min, max, step, value });
  const set = (number) => { input.value = number; output.textContent = show(Number(input.value)); };
  input.addEventListener("input", () => { output.textContent = show(Number(input.value)); change(Number(input.value)); });
  const box = field(words, input, help);
  box.classList.add("slider");
  box.querySelector("label").append(" ", output);
  return { box, input, set };
}

export function choice(words, options, value, change, help = "") {
  const select = el("select", { onchange: () => change(select.value) });
  for (const [key, text] of options) select.append(el("option", { value: key, selected: key === value }, text));
  return field(words, select, help);
}

export function tick(words, checked, change) {
  const box = el("input", { type: "checkbox", checked, onchange: () => change(box.checked) });
  return el("label", { class: "tick" }, box, " ", words);
}

/** Say it to who listens instead of looking. */
export function announce(words) {
  document.getElementById("status").textContent = words;
}

export const grouped = (number) => Math.round(number).toLocaleString("en");

export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
