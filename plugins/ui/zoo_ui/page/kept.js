// Pictures that were kept, in this browser.

import { el } from "./dom.js";
import { at } from "./api.js";

const NAME = "zoo-kept";
const MOST = 200;

function all() {
  try {
    const list = JSON.parse(localStorage.getItem(NAME) ?? "[]");
    return Array.isArray(list) ? list.filter((one) => typeof one?.model === "string" && Number.isSafeInteger(one.seed)) : [];
  } catch {
    return [];
  }
}

const same = (a, b) => ["model", "seed", "class", "truncation"].every((key) => (a[key] ?? "") === (b[key] ?? ""));

export const isKept = (entry) => all().some((one) => same(one, entry));

export function toggleKept(entry) {
  const others = all().filter((one) => !same(one, entry));
  const list = isKept(entry) ? others : [entry, ...others].slice(0, MOST);
  try {
    localStorage.setItem(NAME, JSON.stringify(list));
  } catch {
    // a browser that keeps nothing: the picture's address still does
  }
}

/** The kept pictures of a model, with their downloads. */
export function keptStrip(context, open) {
  const box = el("section", { class: "kept" });
  const draw = () => {
    const list = all().filter((one) => one.model === context.how.model);
    box.replaceChildren(
      ...(list.length
        ? [
          el("h2", {}, "Kept"),
          el("div", { class: "tiles small" }, list.map((one) => el(
            "button",
            { type: "button", class: "tile", "aria-label": `Kept picture of seed ${one.seed}`, onclick: () => open(one) },
            el("img", { alt: "", loading: "lazy", src: at("/picture.png", { ...context.how, seed: one.seed, class: one.class, truncation: one.truncation }) }),
            el("span", { class: "caption", "aria-hidden": "true" }, String(one.seed)),
          ))),
        ]
        : []),
    );
  };
  draw();
  return { box, draw };
}
