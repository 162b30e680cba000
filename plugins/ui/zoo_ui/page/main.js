// Which page is shown, and the links between pages.

import { el, announce } from "./dom.js";
import { get } from "./api.js";
import { trouble } from "./pictures.js";
import { link, read } from "./state.js";
import { play } from "./play.js";
import { modelsPage } from "./models.js";
import { trainPage } from "./train.js";
import { runsPage } from "./runs.js";
import { runPage } from "./run.js";
import { comparePage } from "./compare.js";

const PAGES = {
  play: { title: "Play", show: play },
  models: { title: "Models", show: modelsPage },
  train: { title: "Train", show: trainPage },
  runs: { title: "Runs", show: runsPage },
  run: { title: "Run", show: runPage, under: "runs" },
  compare: { title: "Compare", show: comparePage, under: "runs" },
};
const IN_NAVIGATION = ["play", "models", "train", "runs"];

let leave = () => {};
let drawn = 0;

/** What all pages know: the models, and whether anything can be trained. */
const shared = { models: null, first: "", title: "" };

export async function loadModels() {
  Object.assign(shared, await get("/api/models"));
  return shared;
}

async function draw() {
  const { page, parameters } = read();
  const known = PAGES[page] ? page : "play";
  const main = document.getElementById("main");
  const number = ++drawn;
  leave();
  leave = () => {};
  for (const open of document.querySelectorAll("dialog")) open.close();
  try {
    if (shared.models === null || known === "models") await loadModels();
    if (number !== drawn) return;
    navigation(PAGES[known].under ?? known);
    document.title = `${PAGES[known].title} - ${shared.title || "Zoo"}`;
    const place = el("div", { class: `page-${known}` });
    main.replaceChildren(place);
    const left = await PAGES[known].show(place, parameters, shared);
    if (number === drawn) leave = left ?? (() => {});
    else left?.();
    announce(document.title);
  } catch (error) {
    if (number === drawn) main.replaceChildren(el("h1", {}, PAGES[known].title), trouble(error, draw));
  }
}

function navigation(current) {
  const pages = shared.title ? [] : IN_NAVIGATION;
  document.querySelector(".brand").textContent = shared.title || "Zoo";
  document.getElementById("pages").replaceChildren(
    ...pages.map((name) => el("a", { href: link(name), "aria-current": name === current ? "page" : null }, PAGES[name].title)),
  );
}

addEventListener("hashchange", draw);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
draw();
