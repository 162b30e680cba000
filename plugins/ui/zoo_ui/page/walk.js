// A walk over the pictures of seeds as a video, to look at and to download.

import { el, field, slider, tick } from "./dom.js";
import { at } from "./api.js";
import { save, show, troublePlace } from "./pictures.js";
import { keep } from "./state.js";
import { number } from "./samples.js";
import { setStops, stops } from "./stops.js";

const LETTERS = "ABCDEFGH";

export function walkView(place, context) {
  const { how, parameters, scale } = context;
  const given = (parameters.get("stops") ?? "").split(",").map((text) => number(text, -1));
  if (given.length >= 2 && given.length <= LETTERS.length && !given.includes(-1)) setStops(how.model, given);
  const now = {
    steps: Math.min(24, Math.max(2, number(parameters.get("steps"), 12))),
    closed: parameters.get("closed") !== "0",
    seconds: 0.08,
    playing: !matchMedia("(prefers-reduced-motion: reduce)").matches,
  };
  const film = el("img", { class: "large film", id: "film", alt: "The walk" });
  const problem = troublePlace();
  const row = el("ol", { class: "stops" });
  const pause = el("button", { type: "button", onclick: () => { now.playing = !now.playing; draw(); } });
  const what = () => ({ ...how, stops: stops(how.model).join(","), steps: now.steps, closed: now.closed ? 1 : "" });
  let generation = 0;

  async function draw() {
    const mine = ++generation;
    keep({ stops: stops(how.model).join(","), steps: now.steps === 12 ? "" : now.steps, closed: now.closed ? "" : "0" });
    pause.textContent = now.playing ? "Pause" : "Play";
    problem.set(null);
    try {
      await show(film, now.playing
        ? at("/walk.webp", { ...what(), seconds: now.seconds, scale: Math.max(1, Math.round(scale / 1.5)) })
        : at("/picture.png", { ...how, seed: stops(how.model)[0] }));
    } catch (error) {
      if (mine === generation) problem.set(error, draw);
    }
  }

  function drawStops() {
    const seeds = stops(how.model);
    row.replaceChildren(...seeds.map((seed, index) => {
      const image = el("img", { alt: "", src: at("/picture.png", { ...how, seed }) });
      const input = el("input", { type: "number", min: 0, step: 1, value: seed, onchange: () => { seeds[index] = number(input.value, 0); drawStops(); draw(); } });
      return el("li", {}, image, field(`${LETTERS[index]}: seed`, input),
        seeds.length > 2 && el("button", { type: "button", class: "plain", "aria-label": `Leave out ${LETTERS[index]}`, onclick: () => { seeds.splice(index, 1); drawStops(); draw(); } }, "Leave out"));
    }));
  }

  const random = () => Math.floor(Math.random() * 10_000);
  const steps = slider("Pictures from each to the next", { min: 2, max: 24, step: 1, value: now.steps, change: () => {} });
  steps.input.addEventListener("change", () => { now.steps = Number(steps.input.value); draw(); });
  const speed = slider("Pictures a second", { min: 2, max: 30, step: 1, value: Math.round(1 / now.seconds), change: () => {} });
  speed.input.addEventListener("change", () => { now.seconds = (1 / Number(speed.input.value)).toFixed(3); draw(); });
  place.append(
    el("p", {}, "A walk goes from picture to picture through everything between them."),
    problem.box,
    el(
      "div",
      { class: "two" },
      el("div", {}, film, el("div", { class: "row" }, pause)),
      el(
        "div",
        { class: "side" },
        row,
        el(
          "div",
          { class: "row" },
          el("button", { type: "button", class: "primary", onclick: () => { setStops(how.model, stops(how.model).map(random)); drawStops(); draw(); } }, "Another walk"),
          el("button", { type: "button", onclick: () => { if (stops(how.model).length < LETTERS.length) { stops(how.model).push(random()); drawStops(); draw(); } } }, "Add a stop"),
        ),
        el(
          "div",
          { class: "row" },
          el("button", { type: "button", onclick: () => save(at("/walk.gif", { ...what(), seconds: now.seconds, scale, save: 1 })) }, "Download as GIF"),
          el("button", { type: "button", onclick: () => save(at("/walk.webp", { ...what(), seconds: now.seconds, scale, save: 1 })) }, "Download as WebP"),
        ),
        el("p", { class: "soft" }, "A GIF plays everywhere and has 256 colours; a WebP has all colours and is smaller."),
        el("details", {}, el("summary", {}, "Settings"), steps.box, speed.box, tick("Return to the first picture", now.closed, (value) => { now.closed = value; draw(); })),
      ),
    ),
  );
  drawStops();
  draw();
  return () => { generation++; };
}
