// Two pictures on top of each other, and a slider that uncovers the one or the other.

import { el, slider } from "./dom.js";

/** `before` and `after` are images of the same size. */
export function beforeAfter(before, after, words) {
  const top = el("div", { class: "top" }, after);
  const line = el("span", { class: "line", "aria-hidden": "true" });
  const box = el("div", { class: "uncover" }, before, top, line);
  const set = (value) => {
    top.style.clipPath = `inset(0 0 0 ${value}%)`;
    line.style.left = `${value}%`;
  };
  const control = slider(words, { min: 0, max: 100, step: 1, value: 50, show: (value) => `${value} %`, change: set });
  control.input.classList.add("uncovers");
  function drag(event) {
    const { left, width } = box.getBoundingClientRect();
    const value = Math.round(Math.min(100, Math.max(0, (100 * (event.clientX - left)) / width)));
    control.set(value);
    set(value);
  }
  box.addEventListener("pointerdown", (event) => { box.setPointerCapture(event.pointerId); drag(event); });
  box.addEventListener("pointermove", (event) => box.hasPointerCapture(event.pointerId) && drag(event));
  set(50);
  return el("div", { class: "before-after" }, box, control.box);
}
