// Runs side by side: newest samples, quality, figures, and where their settings differ.

import { choice, el } from "./dom.js";
import { at, get, text } from "./api.js";
import { empty, show, troublePlace } from "./pictures.js";
import { link } from "./state.js";
import { beforeAfter } from "./before_after.js";

export async function comparePage(place, parameters) {
  const folders = (parameters.get("runs") ?? "").split(",").filter(Boolean).slice(0, 8);
  place.append(el("h1", {}, "Compare runs"));
  if (folders.length < 2) {
    place.append(empty("Nothing to compare", "Choose two runs or more.", el("p", {}, el("a", { class: "button primary", href: link("runs") }, "To the runs"))));
    return;
  }
  const runs = await Promise.all(folders.map((run) => get("/api/run", { run })));
  const problem = troublePlace();
  const pair = el("div");
  const now = [0, 1];
  function draw() {
    const images = now.map((index) => el("img", { alt: `Newest samples of ${runs[index].name}` }));
    images.forEach((image, i) => show(image, at("/run/samples.png", { run: folders[now[i]], v: runs[now[i]].version })).catch((error) => problem.set(error)));
    pair.replaceChildren(beforeAfter(images[0], images[1], `${runs[now[0]].name}, or ${runs[now[1]].name}`));
  }
  const options = runs.map((run, index) => [String(index), run.name]);
  const table = el("div", { class: "explained", id: "compared", tabIndex: 0, role: "group", "aria-label": "Figures of the runs" });
  const curve = el("img", { class: "wide curve", alt: "KID of the runs over images shown: lower is better" });
  place.append(
    problem.box,
    pair,
    el("div", { class: "fields" }, choice("Left", options, "0", (value) => { now[0] = Number(value); draw(); }), choice("Right", options, "1", (value) => { now[1] = Number(value); draw(); })),
    table,
    curve,
  );
  draw();
  text("/compared.html", { runs: folders.join(",") }).then((html) => { table.innerHTML = html; }, (error) => problem.set(error));
  show(curve, at("/run/curve.png", { runs: folders.join(","), what: "kid" })).catch(() => curve.remove());
}
