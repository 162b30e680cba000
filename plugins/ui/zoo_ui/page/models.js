// A card with a picture for every release and every run.

import { el } from "./dom.js";
import { at } from "./api.js";
import { empty } from "./pictures.js";
import { link } from "./state.js";

export function modelCard(model, current) {
  const image = el("img", { src: at("/card.png", { model: model.name }), alt: "", loading: "lazy" });
  const frame = el("span", { class: "frame" }, image);
  image.addEventListener("error", () => frame.replaceChildren(el("span", { class: "none" }, "No picture yet")));
  return el(
    "a",
    { class: "card", href: link("play", { model: model.name }), "aria-current": current ? "true" : null },
    frame,
    el("span", { class: "name" }, model.title),
    el("span", { class: "soft" }, [model.about, model.kind === "release" && !model.samples && "no GAN yet", model.state].filter(Boolean).join(", ")),
    model.license && el("span", { class: "soft" }, model.license),
  );
}

export function modelsPage(place, parameters, shared) {
  place.append(el("h1", {}, "Models"));
  for (const [kind, title, words] of [
    ["release", "Releases", "Finished models on this machine. Choose one to play with it."],
    ["run", "Runs", "Models that were trained here. Choose one to play with its newest state."],
  ]) {
    const models = shared.models.filter((model) => model.kind === kind);
    place.append(el("h2", {}, title));
    if (models.length) place.append(el("p", { class: "soft" }, words), el("div", { class: "cards" }, models.map((model) => modelCard(model))));
    else if (kind === "run") place.append(empty("No run yet", "Train a model on your own images; it appears here with its picture.", el("p", {}, el("a", { class: "button primary", href: link("train") }, "Train one"))));
    else place.append(empty("No release on this machine", "The package zoo-starter brings some. Models that you release appear here too."));
  }
}
