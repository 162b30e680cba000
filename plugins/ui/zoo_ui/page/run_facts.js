// How a run's state is said, in cards and on its own page.

import { duration, el, grouped } from "./dom.js";

const WORDS = { died: "ended without a word", silent: "silent", unreadable: "unreadable", starting: "starting" };

export function stateOf(run) {
  const words = WORDS[run.state] ?? run.state;
  return run.state === "running" && run.phase === "autoencoder" ? "the autoencoder learns the images first" : words;
}

export function chip(run) {
  return el("span", { class: `chip ${run.state}` }, stateOf(run));
}

export function progressOf(run) {
  if (!run.total) return el("p", { class: "soft" }, run.state === "starting" || run.state === "running" ? "Getting ready ..." : "");
  const left = run.seconds_left === null || run.seconds_left === undefined ? "" : `, about ${duration(run.seconds_left)} left`;
  return el(
    "div",
    { class: "progress" },
    el("progress", { max: run.total, value: run.shown, "aria-label": `Progress of ${run.name}` }),
    el("p", { class: "soft" }, `${grouped(run.shown)} of ${grouped(run.total)} images shown${left}`),
  );
}

export function figuresOf(run) {
  return Object.entries(run.figures ?? {}).map(([name, value]) => `${name.replaceAll("_", " ").toUpperCase().length <= 3 ? name.toUpperCase() : name.replaceAll("_", " ")} ${Number(value).toPrecision(3)}`);
}
