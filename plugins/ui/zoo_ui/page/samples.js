// Samples: each tile is the picture of a seed. A click shows it large, with what can be done with it.

import { choice, el, field, slider } from "./dom.js";
import { at } from "./api.js";
import { show, skeleton, troublePlace, save } from "./pictures.js";
import { keep } from "./state.js";
import { openTile } from "./tile.js";
import { keptStrip } from "./kept.js";

const COUNTS = [12, 24, 48, 96];
const EACH = "each";
const OF_EACH = 4;
const AT_ONCE = 4;

export function samplesView(place, context) {
  const { model, parameters } = context;
  const now = {
    seed: number(parameters.get("seed"), 0),
    count: COUNTS.includes(Number(parameters.get("count"))) ? Number(parameters.get("count")) : 24,
    class: parameters.get("class") ?? "",
  };
  const tiles = el("div", { class: "tiles" });
  const problem = troublePlace();
  let generation = 0;

  async function draw() {
    keep({ seed: now.seed || "", count: now.count === 24 ? "" : now.count, class: now.class, truncation: context.how.truncation });
    const mine = ++generation;
    problem.set(null);
    const asked = wanted();
    tiles.replaceChildren(...skeleton(asked.length));
    tiles.classList.toggle("rows", now.class === EACH);
    tiles.setAttribute("aria-busy", "true");
    const places = [...tiles.children];
    const todo = asked.map((one, index) => [one, index]);
    const worker = async () => {
      for (let next = todo.shift(); next && mine === generation; next = todo.shift()) {
        const [one, index] = next;
        const image = el("img", { alt: "" });
        await show(image, at("/picture.png", { ...context.how, ...one }));
        if (mine === generation) places[index].replaceWith(tile(one, image));
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
    } catch (error) {
      if (mine !== generation) return;
      generation++;
      tiles.replaceChildren();
      problem.set(error, draw);
    }
    if (mine === generation) tiles.removeAttribute("aria-busy");
  }

  function wanted() {
    if (now.class === EACH) {
      return model.classes.flatMap((name) => Array.from({ length: OF_EACH }, (_, i) => ({ seed: now.seed + i, class: name })));
    }
    return Array.from({ length: now.count }, (_, i) => ({ seed: now.seed + i, class: now.class }));
  }

  function tile(one, image) {
    const words = `Seed ${one.seed}${one.class ? `, ${one.class}` : ""}`;
    return el(
      "button",
      { type: "button", class: "tile", "aria-label": `Picture of ${words.toLowerCase()}`, onclick: () => openTile(context, one, kept.draw) },
      image,
      el("span", { class: "caption", "aria-hidden": "true" }, now.class === EACH ? one.class : String(one.seed)),
    );
  }

  const seedInput = el("input", { type: "number", min: 0, max: 2 ** 53, step: 1, value: now.seed, onchange: () => { now.seed = number(seedInput.value, 0); draw(); } });
  const step = (by) => { now.seed = Math.max(0, now.seed + by); seedInput.value = now.seed; draw(); };
  const truncation = slider("Variety", {
    min: 0, max: 1.5, step: 0.05, value: context.how.truncation || 1, help: "Lower: more ordinary pictures, fewer failures. Higher: more surprises.",
    show: (value) => value.toFixed(2), change: () => {},
  });
  truncation.input.addEventListener("change", () => { context.how.truncation = Number(truncation.input.value) === 1 ? "" : truncation.input.value; draw(); });
  const kept = keptStrip(context, (one) => openTile(context, one, kept.draw));
  place.append(
    el(
      "div",
      { class: "row" },
      model.classes.length
        ? choice("Class", [["", "any"], [EACH, "a row of each"], ...model.classes.map((name) => [name, name])], now.class, (value) => { now.class = value; draw(); })
        : null,
      el("button", { type: "button", class: "primary", onclick: () => step(now.count) }, "New pictures"),
      el("button", { type: "button", onclick: () => step(-now.count) }, "Back"),
    ),
    problem.box,
    tiles,
    el(
      "details",
      {},
      el("summary", {}, "Settings"),
      el(
        "div",
        { class: "fields" },
        field("First seed", seedInput, "A seed names a picture: the same seed, the same picture."),
        choice("Pictures", COUNTS.map((count) => [String(count), String(count)]), String(now.count), (value) => { now.count = Number(value); draw(); }),
        truncation.box,
      ),
      el("button", { type: "button", onclick: () => save(at("/sheet.png", { ...context.how, class: now.class === EACH ? "" : now.class, seeds: `${now.seed}-${now.seed + now.count - 1}`, save: 1 })) }, "Download all as one picture"),
    ),
    kept.box,
  );
  draw();
  if (parameters.get("pick")) openTile(context, { seed: number(parameters.get("pick"), 0), class: now.class === EACH ? "" : now.class }, kept.draw);
  return () => { generation++; };
}

export function number(text, otherwise) {
  const value = Number(text);
  return text !== null && text !== "" && Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
}
