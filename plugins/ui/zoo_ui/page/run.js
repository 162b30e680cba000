// One run: its pictures before and after, its progress, and what can be done with it.

import { announce, choice, el, field, grouped } from "./dom.js";
import { at, get, post } from "./api.js";
import { empty, show, troublePlace } from "./pictures.js";
import { link } from "./state.js";
import { beforeAfter } from "./before_after.js";
import { chip, figuresOf, progressOf, stateOf } from "./run_facts.js";

const EVERY = 2000;
const LICENCES = ["CC-BY-4.0", "CC-BY-SA-4.0", "CC0-1.0", "Apache-2.0", "MIT"];

export async function runPage(place, parameters) {
  const folder = parameters.get("run") ?? "";
  const twin = parameters.get("beside") ?? "";
  const problem = troublePlace();
  const facts = el("div", { class: "facts", id: "now" });
  const actions = el("div", { class: "row" });
  const pictures = el("div", { class: "pictures" });
  const curves = el("div", { class: "curves" });
  const log = el("div");
  const title = el("h1", {}, "Run");
  place.append(title, problem.box, facts, actions, pictures, curves, log, releaseForm(folder));
  let before = "";
  let moments = "";
  let open = true;

  const act = (path, words) => async (event) => {
    event.target.disabled = true;
    try {
      await post(path, { run: folder });
      announce(words);
      await look();
    } catch (error) {
      problem.set(error);
      event.target.disabled = false;
    }
  };

  async function look() {
    let run;
    try {
      run = await get("/api/run", { run: folder });
      problem.set(null);
    } catch (error) {
      problem.set(error, look);
      return;
    }
    const text = JSON.stringify(run);
    if (text === before || !open) return;
    const old = before ? JSON.parse(before) : null;
    before = text;
    title.textContent = run.name;
    facts.replaceChildren(chip(run), progressOf(run), el("p", { class: "soft" }, [run.strategy, run.source && `from ${run.source}`, ...figuresOf(run)].filter(Boolean).join(", ")));
    if (!old || old.state !== run.state || old.stoppable !== run.stoppable || old.resumable !== run.resumable) {
      if (old) announce(`The run is ${stateOf(run)}`);
      actions.replaceChildren(
        ...[
          run.stoppable && el("button", { type: "button", class: "stop", onclick: act("/api/run/stop", "It is asked to stop") }, "Stop"),
          run.resumable && el("button", { type: "button", class: "primary", onclick: act("/api/run/resume", "It goes on") }, "Continue"),
          run.shown > 0 && run.phase === "gan" && el("a", { class: "button", href: link("play", { model: folder }) }, "Play with it"),
          twin && el("a", { class: "button", href: link("compare", { runs: [folder, twin].join(",") }) }, "Compare with scratch"),
        ].filter(Boolean),
      );
      const words = run.log || (run.state === "failed" || run.state === "died" ? run.error : "");
      log.replaceChildren(...(words ? [el("details", { open: true }, el("summary", {}, "What it said last"), el("pre", { tabIndex: 0 }, words))] : []));
    }
    drawPictures(run);
    drawCurves(run);
  }

  function drawPictures(run) {
    const key = run.shown_at.join();
    if (key === moments) return;
    moments = key;
    if (!run.shown_at.length) {
      pictures.replaceChildren(empty("No samples yet", "The first appear when the GAN begins to train."));
      return;
    }
    const first = el("img", { alt: "Samples before" });
    const last = el("img", { alt: "Newest samples" });
    const one = (image, moment) => show(image, at("/run/samples.png", { run: folder, at: moment })).catch((error) => problem.set(error));
    const options = run.shown_at.map((moment) => [String(moment), `${grouped(moment)} images shown`]);
    const selects = [...pictures.querySelectorAll("select")];
    if (selects.length) {
      addMoments(selects, options);
      return;
    }
    const ends = [String(run.shown_at[0]), String(run.shown_at.at(-1))];
    one(first, ends[0]);
    one(last, ends[1]);
    pictures.replaceChildren(
      beforeAfter(first, last, "Before and after"),
      el("div", { class: "fields" }, choice("Before", options, ends[0], (moment) => one(first, moment)), choice("After", options, ends[1], (moment) => one(last, moment))),
    );
  }

  /** Add the moments that are new; who watches the newest samples goes on doing so. */
  function addMoments(selects, options) {
    const [, after] = selects;
    const newest = after.value === after.options[after.options.length - 1].value;
    for (const select of selects) {
      const known = new Set([...select.options].map((option) => option.value));
      for (const [value, words] of options) if (!known.has(value)) select.append(el("option", { value }, words));
    }
    if (newest) {
      after.value = options.at(-1)[0];
      after.dispatchEvent(new Event("change"));
    }
  }

  function drawCurves(run) {
    if (run.phase !== "gan" || !run.shown) return;
    for (const [what, words, there] of [["kid", "KID over images shown: lower is better", run.figures.kid !== undefined], ["losses", "Losses over images shown", true]]) {
      if (!there) continue;
      let image = curves.querySelector(`[data-what=${what}]`);
      if (!image) {
        image = el("img", { class: "wide curve", alt: words, "data-what": what });
        const box = el("details", { open: what === "kid" }, el("summary", {}, what === "kid" ? "Quality" : "Losses"), image);
        curves.append(box);
      }
      show(image, at("/run/curve.png", { runs: folder, what, v: run.version })).catch(() => {});
    }
  }

  await look();
  const timer = setInterval(() => open && !document.hidden && look(), EVERY);
  return () => { open = false; clearInterval(timer); };
}

function releaseForm(folder) {
  const name = el("input", { type: "text", autocomplete: "off", placeholder: "dcgan.mine" });
  const license = el("input", { type: "text", autocomplete: "off", value: "CC-BY-4.0" });
  license.setAttribute("list", "licences");
  const into = el("input", { type: "text", autocomplete: "off", value: "release" });
  const problem = troublePlace();
  const done = el("p", { role: "status" });
  async function make(event) {
    problem.set(null);
    done.textContent = "Writing the release ...";
    event.target.disabled = true;
    try {
      const made = await post("/api/run/release", { run: folder, name: name.value, license: license.value, folder: into.value });
      done.replaceChildren(`${made.name} ${made.version} is in ${made.folder}. `, el("a", { href: link("play", { model: made.folder }) }, "Play with it"));
    } catch (error) {
      done.textContent = "";
      problem.set(error);
    } finally {
      event.target.disabled = false;
    }
  }
  return el(
    "details",
    { class: "release" },
    el("summary", {}, "Release it"),
    el("p", { class: "soft" }, "A release is a folder that never changes: weights, pictures, figures, and where they came from."),
    el(
      "div",
      { class: "fields" },
      field("Name", name, "Two words with a dot, such as dcgan.mine"),
      field("License", license, "An SPDX expression that your images and the source allow"),
      field("Folder", into, "A new one"),
      el("datalist", { id: "licences" }, LICENCES.map((one) => el("option", { value: one }))),
    ),
    el("button", { type: "button", class: "primary", onclick: make }, "Release"),
    problem.box,
    done,
  );
}
