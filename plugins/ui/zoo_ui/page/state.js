// The state of the page is its address, after the #: a view can be shared, and the browser's Back works.

export function read() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  return { page: path.replace(/^\//, "") || "play", parameters: new URLSearchParams(query) };
}

/** The address of a page; parameters without a value are left out. */
export function link(page, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "" && value !== false) query.set(name, value === true ? "1" : value);
  }
  return `#/${page}${query.size ? `?${query}` : ""}`;
}

export function go(page, parameters) {
  location.hash = link(page, parameters).slice(1);
}

/** Change some parameters of this view without drawing it anew. */
export function keep(changes) {
  const { page, parameters } = read();
  history.replaceState(null, "", link(page, { ...Object.fromEntries(parameters), ...changes }));
}
