// Arithmetic on codes: A + strength (C - B).

import { el, field, slider } from "./dom.js";
import { at } from "./api.js";
import { live, show, troublePlace } from "./pictures.js";
import { keep } from "./state.js";
import { number } from "./samples.js";

export function mixView(place, context) {
  const { how, model, parameters } = context;
  const given = (parameters.get("seeds") ?? "").split(",").map((text) => number(text, -1));
  const seeds = given.length === 3 && !given.includes(-1) ? given : [0, 1, 2];
  const now = { strength: Number(parameters.get("strength") ?? 1) || 0, file: null, letter: "A" };
  const sum = el("img", { class: "wide", id: "sum", alt: "A, B, C, and A plus strength times C minus B" });
  const problem = troublePlace();
  const showLive = live(sum, (error) => problem.set(error));
  function draw() {
    keep({ seeds: seeds.join(","), strength: now.strength });
    const address = at("/add.png", { model: how.model, seeds: seeds.join(","), strength: now.strength, at: now.letter });
    if (now.file) show(sum, address, { method: "POST", body: now.file }).then(() => problem.set(null), (error) => problem.set(error));
    else showLive(address);
  }
  const inputs = seeds.map((seed, index) => {
    const input = el("input", { type: "number", min: 0, step: 1, value: seed, onchange: () => { seeds[index] = number(input.value, 0); draw(); } });
    return field(`Seed of ${"ABC"[index]}`, input);
  });
  const strength = slider("Strength", { min: -2, max: 2, step: 0.1, value: now.strength, show: (value) => value.toFixed(1), change: (value) => { now.strength = value; draw(); } });
  const file = el("input", { type: "file", accept: "image/*", onchange: () => { now.file = file.files[0] ?? null; draw(); } });
  place.append(
    el("p", {}, "Take what C has and B has not, and add it to A."),
    problem.box,
    sum,
    el("div", { class: "fields" }, ...inputs, strength.box, model.encoder && field("Your own picture as A", file, "Optional.")),
    el("button", { type: "button", class: "primary", onclick: () => {
      inputs.forEach((box, index) => { seeds[index] = Math.floor(Math.random() * 10_000); box.querySelector("input").value = seeds[index]; });
      draw();
    } }, "Other pictures"),
  );
  draw();
}
