// One picture, large, with its seed: download it, keep it, use it as A, B or C of a walk, as the middle of a map.

import { announce, el } from "./dom.js";
import { at } from "./api.js";
import { save, show, troublePlace } from "./pictures.js";
import { go, keep } from "./state.js";
import { isKept, toggleKept } from "./kept.js";
import { stops, setStop } from "./stops.js";

export function openTile(context, one, changed) {
  const { how, model, scale } = context;
  const address = (more) => at("/picture.png", { ...how, ...one, ...more });
  const image = el("img", { class: "large", alt: `The picture of seed ${one.seed}` });
  const problem = troublePlace();
  const entry = { model: how.model, seed: one.seed, class: one.class ?? "", truncation: how.truncation };
  const keeper = el("button", { type: "button", onclick: () => { toggleKept(entry); label(); changed(); } });
  const label = () => { keeper.textContent = isKept(entry) ? "Kept: remove it" : "Keep"; };
  label();
  const leave = (page, parameters) => { dialog.close(); go(page, parameters); };
  const shared = { model: how.model, class: one.class || how.class, truncation: how.truncation };
  const letters = "ABC".split("").map((letter, index) =>
    el("button", { type: "button", onclick: () => { setStop(how.model, index, one.seed); announce(`${letter} of the walk is seed ${one.seed}`); leave("play", { ...shared, view: "walk", stops: stops(how.model).join(",") }); } }, letter));
  const dialog = el(
    "dialog",
    { class: `picked${Math.min(...model.shape.slice(1)) < 48 ? " pixelated" : ""}`, "aria-label": `Seed ${one.seed}`, onclose: () => { keep({ pick: "" }); dialog.remove(); }, onclick: (event) => event.target === dialog && dialog.close() },
    el(
      "div",
      { class: "inside" },
      el("div", { class: "bar" }, el("h2", {}, `Seed ${one.seed}`, one.class && el("span", { class: "soft" }, ` ${one.class}`)), el("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Close")),
      problem.box,
      image,
      el(
        "div",
        { class: "row" },
        el("button", { type: "button", class: "primary", onclick: () => save(address({ scale, save: 1 })) }, "Download"),
        keeper,
        el("button", { type: "button", onclick: async () => { await navigator.clipboard.writeText(location.href); announce("The address is copied"); copied.textContent = "Copied."; } }, "Copy the address"),
      ),
      el("p", { class: "soft", role: "status" }, ""),
      el("div", { class: "row" }, el("span", {}, "Use it in a walk as"), ...letters),
      el(
        "div",
        { class: "row" },
        el("button", { type: "button", onclick: () => leave("play", { ...shared, view: "map", kind: "around", seed: one.seed }) }, "Map around it"),
        el("button", { type: "button", onclick: () => leave("play", { ...shared, view: "move", seed: one.seed }) }, "Change it with sliders"),
      ),
      el("p", { class: "soft" }, `Size: ${model.shape[2]} x ${model.shape[1]} pixels. The download is ${scale} times as large.`),
    ),
  );
  const copied = dialog.querySelector("[role=status]");
  document.body.append(dialog);
  dialog.showModal();
  keep({ pick: String(one.seed) });
  show(image, address({})).catch((error) => problem.set(error));
}
