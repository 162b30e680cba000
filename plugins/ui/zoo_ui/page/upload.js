// Uploading images: a folder file by file, or a zip at once.

import { announce, el, field } from "./dom.js";
import { at, post, send } from "./api.js";
import { troublePlace } from "./pictures.js";

const AT_ONCE = 3;
const ENDINGS = /\.(avif|bmp|gif|jpe?g|png|ppm|tiff?|webp)$/i;

/** Fields for a folder and a zip; `done` gets `{name, source, images, skipped}`. */
export function uploader(done) {
  const problem = troublePlace();
  const progress = el("progress", { max: 1, value: 0, "aria-label": "Upload" });
  const words = el("p", { class: "soft", role: "status" });
  const folder = el("input", { type: "file", multiple: true, onchange: () => run(() => uploadFolder([...folder.files])) });
  folder.setAttribute("webkitdirectory", "");
  const zip = el("input", { type: "file", accept: ".zip,application/zip", onchange: () => zip.files[0] && run(() => uploadZip(zip.files[0])) });
  progress.hidden = true;

  async function run(upload) {
    problem.set(null);
    progress.hidden = false;
    progress.removeAttribute("value");
    folder.disabled = zip.disabled = true;
    try {
      const result = await upload();
      words.textContent = `${result.images.toLocaleString("en")} images are uploaded${result.skipped ? `; other files that were left out: ${result.skipped.toLocaleString("en")}` : ""}.`;
      announce(words.textContent);
      done(result);
    } catch (error) {
      words.textContent = "";
      problem.set(error);
    } finally {
      progress.hidden = true;
      folder.disabled = zip.disabled = false;
      folder.value = zip.value = "";
    }
  }

  async function uploadZip(file) {
    words.textContent = "Uploading and checking the zip ...";
    return send("POST", at("/api/uploads/zip", { name: file.name }), file);
  }

  async function uploadFolder(files) {
    const inside = files.map((file) => ({ file, path: file.webkitRelativePath.split("/").slice(1).join("/") || file.name }));
    const pictures = inside.filter(({ path }) => ENDINGS.test(path) && !path.split("/").some((part) => part.startsWith(".")));
    if (!pictures.length) throw new Error("There are no pictures in this folder.");
    const { name, source } = await post("/api/uploads", { name: files[0].webkitRelativePath.split("/")[0] || "images" });
    const todo = [...pictures];
    let sent = 0;
    const worker = async () => {
      for (let next = todo.shift(); next; next = todo.shift()) {
        await send("PUT", at(`/api/uploads/${name}`, { path: next.path }), next.file);
        progress.max = pictures.length;
        progress.value = ++sent;
        words.textContent = `${sent} of ${pictures.length} images`;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return { name, source, images: pictures.length, skipped: files.length - pictures.length };
  }

  return el(
    "div",
    { class: "upload" },
    el("div", { class: "fields" }, field("A folder of images", folder, "Folders inside it are classes."), field("Or a zip of one", zip, "At most 1 GB.")),
    progress,
    words,
    problem.box,
  );
}
