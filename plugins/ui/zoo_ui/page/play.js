// Playing with one model: samples first, then the ways to move between them.

import { choice, el } from "./dom.js";
import { get } from "./api.js";
import { empty, skeleton } from "./pictures.js";
import { keep, link } from "./state.js";
import { modelCard } from "./models.js";
import { samplesView } from "./samples.js";
import { mapView } from "./map.js";
import { moveView } from "./move.js";
import { walkView } from "./walk.js";
import { givenView } from "./given.js";
import { mixView } from "./mix.js";

const VIEWS = [
  { key: "samples", title: "Samples", show: samplesView },
  { key: "map", title: "Map", show: mapView },
  { key: "move", title: "Sliders", show: moveView },
  { key: "walk", title: "Walk", show: walkView },
  { key: "mix", title: "Mix", show: mixView },
  { key: "given", title: "Your picture", show: givenView, needs: (model) => model.encoder || model.gan },
];

/** Pictures below so many pixels are enlarged without smoothing. */
const SMALL = 48;

export async function play(place, parameters, shared) {
  const name = parameters.get("model") || shared.first;
  if (!name) {
    const ways = shared.title ? [] : [el("p", {}, el("a", { class: "button primary", href: link("train") }, "Train a model"))];
    place.append(empty("No model here yet", "The package zoo-starter brings some; or train one on your own images.", ...ways));
    return undefined;
  }
  const card = shared.models.find((model) => model.name === name);
  place.append(el("h1", {}, card?.title ?? name), el("div", { class: "tiles", "aria-busy": "true" }, skeleton(24)));
  const model = await get("/api/model", { model: name });
  const views = VIEWS.filter((view) => !view.needs || view.needs(model));
  const view = views.find((one) => one.key === parameters.get("view")) ?? views[0];
  const of = parameters.get("class") ?? "";
  const side = Math.min(...model.shape.slice(1));
  const body = el("div", { class: `view-${view.key}${side < SMALL ? " pixelated" : ""}` });
  const how = { model: name, v: `${model.title} ${model.version}`, class: model.classes.includes(of) ? of : "", truncation: parameters.get("truncation") || "" };
  const context = { model, how, parameters, scale: Math.max(1, Math.min(16, Math.round(384 / side))) };
  const classes = model.classes.length && view.key !== "samples" && view.key !== "given"
    ? choice("Class", [["", "any"], ...model.classes.map((one) => [one, one])], how.class, (value) => {
      keep({ class: value });
      dispatchEvent(new HashChangeEvent("hashchange"));
    })
    : null;
  place.replaceChildren(
    el("div", { class: "headline" }, el("h1", {}, card?.title ?? model.title), el("p", { class: "soft" }, model.about)),
    el(
      "nav",
      { class: "views", "aria-label": "Ways to play" },
      views.map((one) => el("a", { href: link("play", { model: name, view: one.key, class: how.class, truncation: how.truncation }), "aria-current": one === view ? "page" : null }, one.title)),
    ),
    ...(classes ? [classes] : []),
    body,
  );
  const left = await view.show(body, context);
  const others = shared.models.filter((one) => one.name !== name);
  if (view.key === "samples" && others.length) {
    place.append(
      el("h2", {}, "Other models"),
      el("div", { class: "cards" }, others.slice(0, 8).map((one) => modelCard(one))),
      ...(others.length > 8 ? [el("p", {}, el("a", { href: link("models") }, `All ${others.length + 1} models`))] : []),
    );
  }
  return left;
}
