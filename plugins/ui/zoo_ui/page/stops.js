// The stops of a walk, by model, for this visit.

const chosen = new Map();

export function stops(model) {
  if (!chosen.has(model)) chosen.set(model, [0, 1, 2]);
  return chosen.get(model);
}

export function setStop(model, index, seed) {
  stops(model)[index] = seed;
}

export function setStops(model, seeds) {
  chosen.set(model, seeds);
}
