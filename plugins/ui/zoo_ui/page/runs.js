// A card with picture and progress for every run; choose two or more to compare them.

import { el } from "./dom.js";
import { at, get } from "./api.js";
import { empty, skeleton, troublePlace } from "./pictures.js";
import { go, link } from "./state.js";
import { chip, figuresOf, progressOf } from "./run_facts.js";

const EVERY = 2000;

export async function runsPage(place) {
  const cards = el("div", { class: "cards" }, skeleton(4, "card"));
  const problem = troublePlace();
  const chosen = new Set();
  const compare = el("button", { type: "button", disabled: true, onclick: () => go("compare", { runs: [...chosen].join(",") }) }, "Compare the chosen");
  place.append(el("h1", {}, "Runs"), problem.box, el("div", { class: "row" }, el("a", { class: "button primary", href: link("train") }, "New run"), compare), cards);
  const shown = new Map();
  let open = true;

  function draw(runs) {
    if (!runs.length) {
      cards.replaceChildren(empty("No run yet", "Train a model on your own images; you can watch it here."));
      return;
    }
    const nodes = runs.map((run) => {
      const text = JSON.stringify(run);
      const before = shown.get(run.run);
      if (before?.text === text) return before.node;
      const node = before?.node ?? card(run);
      update(node, run);
      shown.set(run.run, { text, node });
      return node;
    });
    if (nodes.length !== cards.children.length || nodes.some((node, index) => cards.children[index] !== node)) cards.replaceChildren(...nodes);
  }

  function card(run) {
    const image = el("img", { alt: "" });
    const frame = el("span", { class: "frame" }, image);
    image.addEventListener("error", () => { image.hidden = true; });
    image.addEventListener("load", () => { image.hidden = false; });
    const box = el("input", { type: "checkbox", "aria-label": `Compare ${run.name}`, onchange: () => {
      if (box.checked) chosen.add(run.run);
      else chosen.delete(run.run);
      compare.disabled = chosen.size < 2;
    } });
    return el(
      "article",
      { class: "card run" },
      el("a", { href: link("run", { run: run.run }) }, frame, el("span", { class: "name" }, run.name)),
      el("div", { class: "facts" }),
      el("label", { class: "tick" }, box, " compare"),
    );
  }

  function update(node, run) {
    node.querySelector("img").src = at("/run/samples.png", { run: run.run, v: run.version });
    node.querySelector(".facts").replaceChildren(chip(run), progressOf(run), el("p", { class: "soft" }, [run.strategy, ...figuresOf(run)].filter(Boolean).join(", ")));
  }

  async function tickOnce() {
    try {
      draw((await get("/api/runs")).runs);
      problem.set(null);
    } catch (error) {
      problem.set(error, tickOnce);
    }
  }
  await tickOnce();
  const timer = setInterval(() => open && !document.hidden && tickOnce(), EVERY);
  return () => { open = false; clearInterval(timer); };
}
