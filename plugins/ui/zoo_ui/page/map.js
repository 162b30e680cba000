// A map of codes: drag on it, and the picture at that place is drawn while you do.

import { choice, el, slider } from "./dom.js";
import { at } from "./api.js";
import { live, save, show, troublePlace } from "./pictures.js";
import { keep } from "./state.js";
import { number } from "./samples.js";

const ACROSS = 9;

export function mapView(place, context) {
  const { how, parameters, scale } = context;
  const now = {
    kind: parameters.get("kind") === "around" ? "around" : "between",
    corners: (parameters.get("corners") ?? "").split(",").map((text) => number(text, -1)),
    seed: number(parameters.get("seed"), 0),
    x: share(parameters.get("x")),
    y: share(parameters.get("y")),
  };
  if (now.corners.length !== 4 || now.corners.includes(-1)) now.corners = [0, 1, 2, 3];
  const where = () => (now.kind === "between" ? { corners: now.corners.join(",") } : { seed: now.seed });
  const mosaic = el("img", { class: "mosaic", alt: "Pictures all over the map", draggable: false });
  const cross = el("span", { class: "cross", "aria-hidden": "true" });
  const field = el("div", { class: "map" }, mosaic, cross);
  const picture = el("img", { class: "large", id: "here", alt: "The picture at the chosen place" });
  const problem = troublePlace();
  const draw = live(picture, (error) => problem.set(error));
  const here = (more = {}) => at("/map.png", { ...how, ...where(), x: now.x.toFixed(3), y: now.y.toFixed(3), ...more });

  const round = (value) => `${Math.round(100 * value)} %`;
  const across = slider("Across", { min: 0, max: 1, step: 0.01, value: now.x, show: round, change: (value) => move(value, now.y) });
  const down = slider("Down", { min: 0, max: 1, step: 0.01, value: now.y, show: round, change: (value) => move(now.x, value) });

  function move(x, y) {
    now.x = Math.min(1, Math.max(0, x));
    now.y = Math.min(1, Math.max(0, y));
    across.set(now.x);
    down.set(now.y);
    cross.style.left = `${100 * now.x}%`;
    cross.style.top = `${100 * now.y}%`;
    keep({ x: now.x.toFixed(3), y: now.y.toFixed(3), ...where(), kind: now.kind === "around" ? "around" : "" });
    draw(here());
  }

  function drag(event) {
    const box = field.getBoundingClientRect();
    move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }
  field.addEventListener("pointerdown", (event) => { field.setPointerCapture(event.pointerId); drag(event); });
  field.addEventListener("pointermove", (event) => field.hasPointerCapture(event.pointerId) && drag(event));

  async function redraw() {
    keep({ corners: "", seed: "" });
    move(now.x, now.y);
    try {
      await show(mosaic, at("/map.png", { ...how, ...where(), across: ACROSS }));
      problem.set(null);
    } catch (error) {
      problem.set(error, redraw);
    }
  }

  const corners = el("p", { class: "soft" });
  const name = () => { corners.textContent = now.kind === "between" ? `Corners: seeds ${now.corners.join(", ")}.` : `Middle: seed ${now.seed}. Across and down are the two changes that pictures differ in most.`; };
  const other = () => {
    const random = () => Math.floor(Math.random() * 10_000);
    if (now.kind === "between") now.corners = [random(), random(), random(), random()];
    else now.seed = random();
    name();
    redraw();
  };
  place.append(
    el("p", {}, "Drag on the map. Every place on it is a code, and its picture is drawn as you move."),
    problem.box,
    el(
      "div",
      { class: "two" },
      field,
      el(
        "div",
        { class: "side" },
        picture,
        across.box,
        down.box,
        el(
          "div",
          { class: "row" },
          el("button", { type: "button", class: "primary", onclick: other }, "Another map"),
          el("button", { type: "button", onclick: () => save(here({ scale, save: 1 })) }, "Download the picture"),
          el("button", { type: "button", onclick: () => save(at("/map.png", { ...how, ...where(), across: ACROSS, save: 1 })) }, "Download the map"),
        ),
        choice("Map", [["between", "between four pictures"], ["around", "around one picture"]], now.kind, (value) => { now.kind = value; name(); redraw(); }),
        corners,
      ),
    ),
  );
  name();
  redraw();
}

function share(text) {
  const value = Number(text);
  return text !== null && text !== "" && value >= 0 && value <= 1 ? value : 0.5;
}
