// Pictures that say what state they are in: loading, there, or failed with the reason and a way to try again.

import { el } from "./dom.js";
import { picture } from "./api.js";

/** Show the picture of an address in an image. The image keeps what it shows until the new one is there. */
export async function show(image, address, options) {
  image.setAttribute("aria-busy", "true");
  image.classList.add("loading");
  try {
    const { url, words } = await picture(address, options);
    const before = image.src;
    image.src = url;
    await image.decode().catch(() => {});
    if (before.startsWith("blob:")) URL.revokeObjectURL(before);
    image.dataset.address = address;
    return words;
  } finally {
    image.removeAttribute("aria-busy");
    image.classList.remove("loading");
  }
}

/** A function that shows the newest of the addresses it gets: one request at a time, those in between are left out. */
export function live(image, failed) {
  let wanted = null;
  let busy = false;
  return async (address) => {
    wanted = address;
    if (busy) return;
    busy = true;
    while (wanted !== null) {
      const next = wanted;
      wanted = null;
      try {
        await show(image, next);
        failed(null);
      } catch (error) {
        if (wanted === null) failed(error);
      }
    }
    busy = false;
  };
}

/** A box that says what went wrong and what to do; `again` repeats what failed. */
export function trouble(error, again) {
  return el(
    "div",
    { class: "trouble", role: "alert" },
    el("p", { class: "what" }, error.message || String(error)),
    error.hint && el("p", {}, error.hint),
    again && el("button", { type: "button", onclick: again }, "Try again"),
  );
}

/** A place for such a box: `set(error)` shows it, `set(null)` takes it away. */
export function troublePlace() {
  const box = el("div");
  return { box, set: (error, again) => box.replaceChildren(...(error ? [trouble(error, again)] : [])) };
}

/** What is there before pictures are. */
export function skeleton(count, kind = "tile") {
  return Array.from({ length: count }, () => el("div", { class: `${kind} skeleton`, "aria-hidden": "true" }));
}

export function empty(title, words, ...more) {
  return el("div", { class: "empty" }, el("h2", {}, title), el("p", {}, words), ...more);
}

/** Save a file from an address of this page. */
export function save(address) {
  const link = el("a", { href: address, download: "" });
  document.body.append(link);
  link.click();
  link.remove();
}
