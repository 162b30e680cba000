// Sliders on directions: the picture of a seed changes while they move.

import { el, field, slider } from "./dom.js";
import { at, get } from "./api.js";
import { live, save, show, troublePlace } from "./pictures.js";
import { keep } from "./state.js";
import { number } from "./samples.js";

const KINDS = {
  components: { title: "What pictures differ in most", words: (name) => `Direction ${name}`, min: -3, max: 3 },
  classes: { title: "Towards a class", words: (name) => `Towards ${name}`, min: 0, max: 1.5 },
  attributes: { title: "Attributes", words: (name) => name, min: -3, max: 3 },
  examples: { title: "From examples", words: (name) => name, min: -2, max: 2 },
};

export async function moveView(place, context) {
  const { how, model, parameters, scale } = context;
  const strengths = new Map(read(parameters.get("moves")));
  const now = { seed: number(parameters.get("seed"), 0) };
  const before = el("img", { class: "large", alt: "The picture before" });
  const after = el("img", { class: "large", id: "changed", alt: "The picture after" });
  const problem = troublePlace();
  const draw = live(after, (error) => problem.set(error));
  const sliders = new Map();
  const moves = () => [...strengths].filter(([, value]) => value !== 0).map(([key, value]) => `${key}:${value}`).join(",");
  const address = (more = {}) => at("/edited.png", { ...how, seed: now.seed, moves: moves(), ...more });

  function changed() {
    keep({ seed: now.seed || "", moves: moves() });
    draw(address());
  }

  async function anotherSeed() {
    changed();
    await show(before, at("/picture.png", { ...how, seed: now.seed })).catch((error) => problem.set(error));
  }

  const groups = el("div", { class: "groups" });
  async function offer(kind) {
    const { names } = await get("/api/directions", { model: how.model, method: kind });
    const { title, words, min, max } = KINDS[kind];
    const boxes = names.slice(0, 32).map((name) => {
      const key = `${kind}:${name}`;
      const one = slider(words(name), {
        min, max, step: 0.05, value: strengths.get(key) ?? 0, show: (value) => value.toFixed(2), change: (value) => { strengths.set(key, value); changed(); },
      });
      sliders.set(key, one);
      return one.box;
    });
    groups.append(el("fieldset", {}, el("legend", {}, title), ...boxes));
  }

  const seed = el("input", { type: "number", min: 0, step: 1, value: now.seed, onchange: () => { now.seed = number(seed.value, 0); anotherSeed(); } });
  const classes = model.encoder && model.images
    ? el("button", { type: "button", onclick: async () => {
      classes.disabled = true;
      classes.textContent = "Looking at its images ...";
      try {
        await offer("classes");
        classes.remove();
      } catch (error) {
        classes.textContent = "Directions of classes";
        classes.disabled = false;
        problem.set(error);
      }
    } }, "Directions of classes")
    : null;
  place.append(
    el("p", {}, "Move a slider: the picture changes in one way and keeps the rest."),
    problem.box,
    el(
      "div",
      { class: "two" },
      el(
        "div",
        { class: "pair" },
        el("figure", {}, before, el("figcaption", {}, "before")),
        el("figure", {}, after, el("figcaption", {}, "after")),
      ),
      el(
        "div",
        { class: "side" },
        groups,
        el(
          "div",
          { class: "row" },
          el("button", { type: "button", onclick: () => { strengths.clear(); for (const one of sliders.values()) one.set(0); changed(); } }, "Reset"),
          el("button", { type: "button", class: "primary", onclick: () => { now.seed = Math.floor(Math.random() * 10_000); seed.value = now.seed; anotherSeed(); } }, "Another picture"),
          el("button", { type: "button", onclick: () => save(address({ scale, save: 1 })) }, "Download"),
          classes,
        ),
        field("Seed", seed),
      ),
    ),
  );
  groups.append(el("p", { class: "soft" }, "Finding the directions ..."));
  try {
    const waiting = groups.firstChild;
    await offer("components");
    const wanted = [...strengths.keys()].some((key) => key.startsWith("classes:")) ? ["classes"] : [];
    for (const kind of new Set([...model.directions, ...wanted])) {
      if (kind === "components" || !KINDS[kind]) continue;
      await offer(kind);
      if (kind === "classes") classes?.remove();
    }
    waiting.remove();
  } catch (error) {
    groups.replaceChildren();
    problem.set(error);
  }
  anotherSeed();
}

function* read(text) {
  for (const part of (text ?? "").split(",")) {
    const cut = part.lastIndexOf(":");
    const strength = Number(part.slice(cut + 1));
    if (cut > 0 && Number.isFinite(strength)) yield [part.slice(0, cut), strength];
  }
}
