"use strict";
/* Random numbers become a code (the prior), and a code a picture (the chain of graphs). */

const COUNT = 16;
const facts = JSON.parse(document.getElementById("facts").textContent);
const element = (id) => document.getElementById(id);
const sessions = {};
let codes = []; // of the pictures shown: {values, label}
let chosen = [0, 1]; // the ends of the walk
let timer = 0;
const edits = []; // of the sliders: {vectors, slider}, with classes also {into}
let running = Promise.resolve(); // graphs run one after another

async function unpack(name) {
  const text = element("data-" + name).textContent;
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function start() {
  const glue = new Blob([await unpack("glue")], { type: "text/javascript" });
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(glue) };
  ort.env.wasm.wasmBinary = await unpack("wasm");
  for (const role of ["prior", ...facts.chain]) {
    sessions[role] = await ort.InferenceSession.create(await unpack(role), { executionProviders: ["wasm"] });
  }
}

/* Mulberry32: uniform numbers in [0, 1) from a seed of 32 bits. */
function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/* Standard normal numbers by Box and Muller. */
const normal = (next) => () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());

function drawLabel(next, value) {
  const shares = value.shares ?? value.names.map(() => 1 / value.names.length);
  let rest = next();
  const label = shares.findIndex((share) => (rest -= share) < 0);
  return label < 0 ? shares.length - 1 : label;
}

function tensor(value, rows, numbers) {
  const size = value.shape.slice(1);
  if (value.dtype === "int64") return new ort.Tensor("int64", BigInt64Array.from(numbers, BigInt), [rows, ...size]);
  return new ort.Tensor("float32", Float32Array.from(numbers), [rows, ...size]);
}

/* Runs a graph on `rows` rows; `given` has the numbers of each input by name. */
async function run(role, rows, given) {
  const { inputs, output } = facts.graphs[role];
  const feeds = Object.fromEntries(inputs.map((value) => [value.name, tensor(value, rows, given[value.name])]));
  return (await sessions[role].run(feeds))[output.name].data;
}

async function draw(seed, asked) {
  const next = uniform(seed);
  const classes = labels();
  const wanted = Array.from({ length: COUNT }, () => (classes && asked < 0 ? drawLabel(next, classes) : asked));
  const given = { class: wanted };
  for (const { name, draw: how, shape } of facts.graphs.prior.inputs) {
    if (how) given[name] = Array.from({ length: COUNT * shape[1] }, how === "normal" ? normal(next) : next);
  }
  const values = await run("prior", COUNT, given);
  const size = values.length / COUNT;
  return wanted.map((label, i) => ({ label, values: values.slice(i * size, (i + 1) * size) }));
}

async function decode(rows) {
  let numbers = rows.flatMap((row) => Array.from(row.values));
  for (const role of facts.chain) {
    const first = facts.graphs[role].inputs[0].name;
    numbers = await run(role, rows.length, { [first]: numbers, class: rows.map((row) => row.label) });
  }
  return numbers;
}

/* Spherical interpolation (Shoemake 1985), as zoo interpolate does. The class is that of the nearer end. */
function between(a, b, t) {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  const cosine = dot(a.values, b.values) / Math.sqrt(dot(a.values, a.values) * dot(b.values, b.values));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const flat = Math.abs(Math.sin(angle)) < 1e-4;
  const [p, q] = flat ? [1 - t, t] : [(1 - t) * angle, t * angle].map((part) => Math.sin(part) / Math.sin(angle));
  return { label: t < 0.5 ? a.label : b.label, values: a.values.map((value, i) => p * value + q * b.values[i]) };
}

/* The values of a set of directions, [name][row] -> Float32Array; those that a release brings along. */
function vectorsOf({ names, rows, values }) {
  const bytes = Uint8Array.from(atob(values), (letter) => letter.charCodeAt(0));
  const all = new Float32Array(bytes.buffer);
  const size = all.length / (names.length * rows);
  const at = (i) => all.subarray(i * size, (i + 1) * size);
  return names.map((_, name) => Array.from({ length: rows }, (_, row) => at(name * rows + row)));
}

function nearest(values, centres) {
  const distance = (centre) => values.reduce((sum, value, i) => sum + (value - centre[i]) ** 2, 0);
  const distances = centres.map(distance);
  return centres[distances.indexOf(Math.min(...distances))];
}

/* A code, moved as the sliders say. Into a class it goes from the nearest centre of any class to its nearest one. */
function edited(code) {
  const values = Float32Array.from(code.values);
  for (const { vectors, slider, into } of edits) {
    const strength = Number(slider.value);
    if (strength === 0) continue;
    const way = into ? nearest(code.values, vectors[Number(into.value)]) : vectors[0];
    const from = into ? nearest(code.values, vectors.flat()) : null;
    values.forEach((value, i) => (values[i] = value + strength * (way[i] - (from ? from[i] : 0))));
  }
  return { label: code.label, values };
}

function addSlider(text, low, high) {
  const label = document.createElement("label");
  const slider = Object.assign(document.createElement("input"), { type: "range", min: low, max: high, step: 0.05, value: 0 });
  label.append(text, slider);
  slider.addEventListener("input", () => then(showWalk));
  element("sliders").append(label);
  return slider;
}

function buildEdits() {
  for (const set of facts.directions) {
    const vectors = vectorsOf(set);
    if (set.method === "classes") {
      const label = document.createElement("label");
      const into = document.createElement("select");
      into.append(...set.names.map((name, i) => new Option(name, i)));
      into.addEventListener("change", () => then(showWalk));
      label.append("Into class", into);
      element("sliders").append(label);
      edits.push({ vectors, into, slider: addSlider("How far", 0, 1.5) });
    } else {
      const prefix = set.method === "components" ? "Component " : "";
      set.names.forEach((name, i) => edits.push({ vectors: vectors[i], slider: addSlider(prefix + name, -3, 3) }));
    }
  }
  element("edits").hidden = !edits.length;
}

function resetEdits() {
  for (const { slider } of edits) slider.value = 0;
  then(showWalk);
}

function labels() {
  const all = Object.values(facts.graphs).flatMap((graph) => graph.inputs);
  return all.find((value) => value.name === "class");
}

function paint(canvas, numbers) {
  const { shape, low, high } = facts.graphs[facts.chain.at(-1)].output;
  const [channels, height, width] = shape.slice(1);
  const pixels = new ImageData(width, height);
  const plane = width * height;
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) {
      const value = numbers[(channels === 1 ? 0 : c * plane) + i];
      pixels.data[4 * i + c] = Math.round((255 * (value - low)) / (high - low));
    }
    pixels.data[4 * i + 3] = 255;
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

async function showSamples() {
  const began = performance.now();
  codes = await draw(Number(element("seed").value), Number(element("class").value || -1));
  const numbers = await decode(codes);
  const size = numbers.length / COUNT;
  [...element("grid").children].forEach((tile, i) => paint(tile.firstChild, numbers.slice(i * size, (i + 1) * size)));
  say(`${COUNT} pictures in ${Math.round(performance.now() - began)} ms`);
  await showWalk();
}

async function showWalk() {
  const [a, b] = chosen.map((i) => codes[i]);
  paint(element("picture"), await decode([edited(between(a, b, Number(element("place").value)))]));
}

function mark() {
  [...element("grid").children].forEach((tile, i) => {
    const place = chosen.indexOf(i);
    tile.setAttribute("aria-pressed", String(place >= 0));
    if (place < 0) delete tile.dataset.mark;
    else tile.dataset.mark = String(place + 1);
  });
}

function say(text, failed = false) {
  element("status").textContent = text;
  element("status").classList.toggle("failed", failed);
}

function fail(error) {
  say(`This browser cannot run the page: ${error.message ?? error}`, true);
  throw error;
}

/* Runs after what runs now. */
function then(action) {
  running = running.then(action).catch(fail);
  return running;
}

function play() {
  const stop = timer !== 0;
  clearInterval(timer);
  timer = 0;
  element("play").textContent = stop ? "Play" : "Stop";
  if (stop) return;
  let busy = false;
  let step = Number(element("place").value) * 100;
  timer = setInterval(() => {
    if (busy) return;
    busy = true;
    step = (step + 2) % 201;
    element("place").value = (step <= 100 ? step : 200 - step) / 100;
    then(showWalk).finally(() => (busy = false));
  }, 40);
}

function build() {
  for (let i = 0; i < COUNT; i++) {
    const tile = document.createElement("button");
    tile.type = "button";
    tile.setAttribute("aria-label", `Picture ${i + 1}`);
    tile.append(document.createElement("canvas"));
    tile.addEventListener("click", () => {
      if (chosen.includes(i)) return;
      chosen = [chosen[1], i];
      mark();
      then(showWalk);
    });
    element("grid").append(tile);
  }
  const classes = labels();
  element("class-label").hidden = !classes;
  if (classes) element("class").append(new Option("any", -1), ...classes.names.map((name, i) => new Option(name, i)));
  mark();
  buildEdits();
}

function listen() {
  element("controls").addEventListener("submit", (event) => {
    event.preventDefault();
    element("seed").value = (Number(element("seed").value) + 1) % 4294967296;
    then(showSamples);
  });
  element("seed").addEventListener("change", () => then(showSamples));
  element("class").addEventListener("change", () => then(showSamples));
  element("place").addEventListener("input", () => then(showWalk));
  element("play").addEventListener("click", play);
  element("reset").addEventListener("click", resetEdits);
  for (const id of ["sample", "place", "play", "reset"]) element(id).disabled = false;
}

build();
then(start).then(() => then(showSamples)).then(listen);
