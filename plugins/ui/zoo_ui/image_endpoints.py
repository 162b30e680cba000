"""The part of the page's API that is about images: which there are, how they look, and uploads.

A zip is one request. A folder is a request that begins the upload, and one for each file.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zoo.plugin import ConfigError, components, grid, open_images
from zoo_ui.requests import Query, computed, json_body, png, stream
from zoo_ui.site import training_site
from zoo_ui.uploads import MOST_FILE_BYTES, MOST_ZIP_BYTES, Upload

__all__ = ["ROUTES"]

_PREVIEWED = 24


async def list_images(request: Request) -> Response:
    """GET /api/images: what can be trained on: `{images: [{name, source, kind}]}`; sets of plugins, and uploads."""
    site = training_site(request)

    def answer() -> dict[str, Any]:
        sets = [one.component.name for one in components("dataset")]
        uploads = site.uploads
        return {
            "images": [
                *({"name": name, "source": str(uploads.root / name), "kind": "upload"} for name in uploads.names()),
                *({"name": name, "source": name, "kind": "set"} for name in sets),
            ]
        }

    return JSONResponse(await computed(answer))


async def preview(request: Request) -> Response:
    """GET /images.png?source=: some images of a set, a folder or an upload; the header X-Words says what they are."""
    site, query = training_site(request), Query.of(request)
    source = site.folders.check(query.text("source"))
    if not source:
        raise ConfigError("no images are chosen", "Choose a set, name a folder, or upload some.")

    def answer() -> Response:
        images = open_images(source, limit=_PREVIEWED)
        if not images.spec.is_image:
            raise ConfigError(f"{source} has no images", "Choose another.")
        response = png(grid(images.pixels[torch.arange(min(_PREVIEWED, len(images)))], 8))
        shape = images.spec.shape
        kind = "Colour" if shape[0] == 3 else "Grey"
        response.headers["X-Words"] = f"{kind} images of {shape[2]} x {shape[1]} pixels."
        return response

    return await computed(answer)


async def upload_zip(request: Request) -> Response:
    """POST /api/uploads/zip?name=: a zip in the body, unpacked; `{name, source, images, skipped}`. See `Uploads.unpack`
    for what is refused."""
    site, name = training_site(request), Query.of(request).text("name", "images")
    site.uploads.root.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=site.uploads.root, prefix=".zip-") as file:
        async for chunk in stream(request, MOST_ZIP_BYTES):
            file.write(chunk)
        file.flush()
        return _uploaded(await computed(site.uploads.unpack, Path(file.name), name))


async def begin_upload(request: Request) -> Response:
    """POST /api/uploads with `{name}`: a new, empty upload; `{name, source}`."""
    site, query = training_site(request), await json_body(request)
    folder = site.uploads.new(query.text("name", "images"))
    return JSONResponse({"name": folder.name, "source": str(folder)})


async def upload_file(request: Request) -> Response:
    """PUT /api/uploads/{upload}?path=CLASS/FILE: one file of a folder in the body; `{written}` is false for a file that
    is no picture by its name, which is left out."""
    site, path = training_site(request), Query.of(request).text("path")
    target = site.uploads.place(site.uploads.folder(request.path_params["upload"]), path)
    body = b"".join([chunk async for chunk in stream(request, MOST_FILE_BYTES)])
    if target is not None:
        await computed(_write_new, target, body)
    return JSONResponse({"written": target is not None})


def _write_new(target: Path, body: bytes) -> None:
    with target.open("xb") as file:
        file.write(body)


def _uploaded(upload: Upload) -> Response:
    facts = {"name": upload.folder.name, "source": str(upload.folder)}
    return JSONResponse({**facts, "images": upload.images, "skipped": upload.skipped})


ROUTES = {
    "/api/images": ("GET", list_images),
    "/images.png": ("GET", preview),
    "/api/uploads/zip": ("POST", upload_zip),
    "/api/uploads": ("POST", begin_upload),
    "/api/uploads/{upload}": ("PUT", upload_file),
}
