// A picture of one's own: what the model makes of it, its nearest neighbours, and how real the discriminator finds it.

import { el, field } from "./dom.js";
import { at } from "./api.js";
import { empty, show, troublePlace } from "./pictures.js";

export function givenView(place, context) {
  const { how, model } = context;
  const problem = troublePlace();
  const results = el("div", { class: "results" });
  const among = el("input", { type: "text", value: "", autocomplete: "off" });
  const file = el("input", { type: "file", accept: "image/*", onchange: () => look(file.files[0]) });
  const drop = el("div", { class: "drop" }, field("Your picture", file, "PNG, JPEG, WebP, GIF or BMP. You can also drop it here."));
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); look(event.dataTransfer.files[0]); });

  async function one(title, path, alt, body) {
    const image = el("img", { class: "wide", alt });
    const words = el("p", { class: "words" });
    const part = el("section", {}, el("h2", {}, title), words, image);
    results.append(part);
    try {
      words.textContent = "Computing ...";
      words.textContent = await show(image, at(path, { model: how.model, among: among.value }), { method: "POST", body });
    } catch (error) {
      part.remove();
      throw error;
    }
  }

  async function look(picture) {
    results.replaceChildren();
    problem.set(null);
    if (!picture) { results.append(waiting()); return; }
    try {
      if (model.encoder) await one("What the model keeps of it", "/reconstruct.png", "Your picture, its reconstruction, and its nearest neighbours", picture);
      if (model.gan) await one("How real the discriminator finds it", "/discriminate.png", "Logits of real, generated and your picture", picture);
    } catch (error) {
      problem.set(error, () => look(picture));
    }
  }

  const waiting = () => empty("No picture yet", "Choose one: you see how the model draws it, which of its own images are nearest, and how real the discriminator finds it. It stays on this machine.");
  place.append(drop, problem.box, results, el("details", {}, el("summary", {}, "Settings"), field("Compare with", among, "A set's name or a folder. Empty: the images that the model was trained on.")));
  results.append(waiting());
}
