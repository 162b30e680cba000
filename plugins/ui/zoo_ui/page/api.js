// Asking the page's own server: see the docstrings of model_endpoints.py, run_endpoints.py and image_endpoints.py.

export class Refused extends Error {
  constructor(message, hint = "", status = 0) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The page's server does not answer.", "Is it still running? Start it again and open the address that it prints.");
  }
  if (response.ok) return response;
  const text = await response.text();
  try {
    const { error, hint } = JSON.parse(text);
    throw new Refused(sentence(error), hint, response.status);
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(text.trim().slice(0, 300) || `Answer ${response.status}`, "", response.status);
  }
}

const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");

/** An address with those parameters that have a value. */
export function at(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, value);
  }
  return query.size ? `${path}?${query}` : path;
}

export const get = async (path, parameters, signal) => (await ask(at(path, parameters), { signal })).json();
export const text = async (path, parameters) => (await ask(at(path, parameters))).text();

export async function post(path, body) {
  const options = { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  return (await ask(path, options)).json();
}

export async function send(method, address, body) {
  return (await ask(address, { method, body })).json();
}

/** A picture as an address of this page, with the words that came with it. */
export async function picture(address, options = {}) {
  const response = await ask(address, options);
  return { url: URL.createObjectURL(await response.blob()), words: response.headers.get("X-Words") ?? "" };
}
