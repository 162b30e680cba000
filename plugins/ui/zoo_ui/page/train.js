// Training on one's own images: choose images, start; everything else is folded.

import { choice, el, field, tick } from "./dom.js";
import { at, get, post, text } from "./api.js";
import { show, troublePlace } from "./pictures.js";
import { go, keep } from "./state.js";
import { uploader } from "./upload.js";

export async function trainPage(place, parameters, shared) {
  const [{ images }, { strategies }] = await Promise.all([get("/api/images"), get("/api/strategies")]);
  const sources = shared.models.filter((model) => model.encodes || model.kind === "run");
  const wish = {
    data: parameters.get("data") ?? "",
    source: parameters.get("source") ?? "",
    strategies: (parameters.get("strategies") ?? "").split(",").filter(Boolean),
    adapt: 12_800, images: 50_000, batch: 32, seed: 0, measure: true, beside: false, by_class: false,
  };
  const problem = troublePlace();
  const previewed = el("img", { class: "wide", alt: "Some of the images", hidden: true });
  const about = el("p", { class: "soft", role: "status" }, "No images are chosen yet.");
  const path = el("input", { type: "text", value: "", autocomplete: "off", onchange: () => { if (path.value.trim()) chosen(path.value.trim()); } });
  const sets = el("div", { class: "choices", role: "group", "aria-label": "Images on this machine" });
  const start = el("button", { type: "button", class: "primary large-button", onclick: begin }, "Start training");
  let known = images;

  function drawSets() {
    sets.replaceChildren(...known.map((one) => el("button", { type: "button", "aria-pressed": String(one.source === wish.data), onclick: () => chosen(one.source) }, one.name)));
  }

  async function chosen(source) {
    wish.data = source;
    drawSets();
    keep({ data: source });
    start.disabled = false;
    problem.set(null);
    about.textContent = "Reading the images ...";
    try {
      about.textContent = await show(previewed, at("/images.png", { source }));
      previewed.hidden = false;
    } catch (error) {
      previewed.hidden = true;
      about.textContent = "";
      start.disabled = true;
      problem.set(error);
    }
  }

  async function begin() {
    start.disabled = true;
    problem.set(null);
    try {
      const { runs } = await post("/api/runs/start", wish);
      go("run", { run: runs[0], beside: runs[1] });
    } catch (error) {
      problem.set(error);
      start.disabled = false;
    }
  }

  const plan = el("div", { class: "explained", id: "plan" });
  const planned = troublePlace();
  async function explain() {
    planned.set(null);
    plan.replaceChildren(el("p", { class: "soft" }, "Planning ..."));
    try {
      plan.innerHTML = await text("/plan.html", { source: wish.source || sources[0]?.name, data: wish.data, strategies: wish.strategies.join(",") });
    } catch (error) {
      plan.replaceChildren();
      planned.set(error);
    }
  }

  const whole = (words, key, min, help) => {
    const input = el("input", { type: "number", min, step: 1, value: wish[key], onchange: () => { wish[key] = Math.max(min, Math.round(Number(input.value)) || 0); input.value = wish[key]; } });
    return field(words, input, help);
  };
  place.append(
    el("h1", {}, "Train on your images"),
    el(
      "section",
      { class: "step" },
      el("h2", {}, "1. Your images"),
      uploader((result) => { known = [{ name: result.name, source: result.source, kind: "upload" }, ...known]; chosen(result.source); }),
      known.length ? el("p", { class: "soft" }, "Or images that are here already:") : null,
      sets,
      field("Or a folder of this machine", path, "Its path. Only folders that were named when the page was started can be used."),
      about,
      previewed,
    ),
    el(
      "section",
      { class: "step" },
      el("h2", {}, "2. What to start from"),
      choice("Model", [["", "The best for my images (measured)"], ...sources.map((model) => [model.name, model.title])], wish.source, (value) => { wish.source = value; keep({ source: value }); },
        "Training begins with what this model has learned."),
      tick("Learn the classes of my images (their folders), so that I can ask for one", wish.by_class, (value) => { wish.by_class = value; }),
      tick("Train another one from scratch beside it, to compare", wish.beside, (value) => { wish.beside = value; }),
      el(
        "details",
        {},
        el("summary", {}, "Settings"),
        el(
          "div",
          { class: "fields" },
          whole("Images shown", "images", 1, "More takes longer and gets better."),
          whole("Learn first", "adapt", 0, "Images that the autoencoder learns before; 0 for none."),
          whole("Batch", "batch", 1, "Images of one step."),
          whole("Seed", "seed", 0, "Fixes all random draws."),
        ),
        tick("Measure the quality on the way", wish.measure, (value) => { wish.measure = value; }),
        el("fieldset", {}, el("legend", {}, "Strategies"), el("p", { class: "soft" }, "None: they are chosen by what suits the images."),
          el("div", { class: "ticks" }, strategies.map((one) => {
            const box = tick(one.name, wish.strategies.includes(one.name), (value) => {
              wish.strategies = value ? [...wish.strategies, one.name] : wish.strategies.filter((name) => name !== one.name);
            });
            box.title = one.summary;
            return box;
          }))),
        el("button", { type: "button", onclick: explain }, "Explain the plan"),
        planned.box,
        plan,
      ),
    ),
    el("section", { class: "step" }, el("h2", {}, "3. Go"), problem.box, start, el("p", { class: "soft" }, "You can close this view: the run goes on as long as the page's server does, and can be stopped and continued.")),
  );
  drawSets();
  start.disabled = !wish.data;
  if (wish.data) chosen(wish.data);
}
