"""The API as an application: its endpoints, and its errors in one form, `{"error": ..., "hint": ...}`."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from zoo.plugin import ConfigError, DataError, ZooError
from zoo_serve.api.models import ServedModel
from zoo_serve.api.room import Full, Room
from zoo_serve.api.schemas import (
    Codes,
    DirectionSet,
    Edited,
    EditRequest,
    Images,
    Inverted,
    InvertRequest,
    ModelFacts,
    SampleRequest,
)

__all__ = ["api"]

T = TypeVar("T")


def api(models: Sequence[ServedModel], *, waiting: int = 64) -> FastAPI:
    """The application that serves these models; at most `waiting` requests are computed or wait, more get 503."""
    app = FastAPI(title="Zoo", docs_url=None, redoc_url=None, description="Samples, codes, reconstructions and edits.")
    by_name = {model.name: model for model in models}
    room = Room(waiting)

    async def compute(name: str, work: Callable[[ServedModel], T]) -> T:
        if name not in by_name:
            raise _NoModel(name)
        return await room.compute(lambda: work(by_name[name]))

    @app.get("/health")
    async def health() -> Mapping[str, object]:
        """Whether the server answers, and how many requests it is busy with."""
        return {"status": "ok", "busy": room.here, "most": room.most}

    @app.get("/models")
    async def list_models() -> list[ModelFacts]:
        """The models and what they are."""
        return [model.facts for model in by_name.values()]

    @app.post("/models/{name}/sample")
    async def sample(name: str, request: SampleRequest) -> Images:
        """New images; the same seed gives the same images."""
        asked = (request.n, request.seed, request.classes, request.truncation)
        return Images(images=await compute(name, lambda model: model.sample(*asked)))

    @app.post("/models/{name}/encode")
    async def encode(name: str, request: Images) -> Codes:
        """The code of each image."""
        return Codes(codes=await compute(name, lambda model: model.encode(request.images)))

    @app.post("/models/{name}/decode")
    async def decode(name: str, request: Codes) -> Images:
        """The image of each code."""
        return Images(images=await compute(name, lambda model: model.decode(request.codes)))

    @app.post("/models/{name}/reconstruct")
    async def reconstruct(name: str, request: Images) -> Images:
        """Each image as the autoencoder gives it back."""
        return Images(images=await compute(name, lambda model: model.reconstruct(request.images)))

    @app.get("/models/{name}/directions")
    async def directions(name: str) -> list[DirectionSet]:
        """The directions that the release brings along."""
        return await compute(name, lambda model: model.directions)

    @app.post("/models/{name}/invert")
    async def invert(name: str, request: InvertRequest) -> Inverted:
        """The codes from which the generator makes the images."""
        return await compute(name, lambda model: model.invert(request))

    @app.post("/models/{name}/edit")
    async def edit(name: str, request: EditRequest) -> Edited:
        """The images, changed along a direction."""
        images, psnr = await compute(name, lambda model: model.edit(request))
        return Edited(images=images, psnr=psnr)

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        """A page for people, without a script and without a request to elsewhere."""
        return HTMLResponse(_page(list(by_name)))

    for kind in (ZooError, Full, _NoModel, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _failed)
    return app


class _NoModel(Exception):
    """There is no model of that name."""


async def _failed(request: Request, error: Exception) -> Response:
    if isinstance(error, Full):
        return JSONResponse({"error": "the server is full", "hint": "Try again."}, 503, {"Retry-After": "1"})
    if isinstance(error, _NoModel):
        return JSONResponse({"error": f"there is no model {str(error)[:100]!r}", "hint": "GET /models"}, 404)
    if isinstance(error, HTTPException):
        return JSONResponse({"error": str(error.detail)[:300], "hint": "GET /openapi.json"}, error.status_code)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part)[:40] for part in first["loc"])
        return JSONResponse({"error": f"{where}: {first['msg']}"[:300], "hint": "GET /openapi.json"}, 422)
    assert isinstance(error, ZooError), "the handler is registered for these"
    status = 422 if isinstance(error, (ConfigError, DataError)) else 500
    return JSONResponse({"error": error.message, "hint": error.hint}, status)


def _page(names: Sequence[str]) -> str:
    rows = "".join(f"<li><code>{html.escape(name)}</code></li>" for name in names)
    first = html.escape(names[0])
    example = f"curl -d '{{\"n\": 1, \"seed\": 3}}' -H 'content-type: application/json' ADDRESS/models/{first}/sample"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Zoo</title>'
        '<meta name="viewport" content="width=device-width"><style>body{font:16px/1.5 sans-serif;max-width:46rem;'
        "margin:2rem auto;padding:0 1rem}pre{overflow-x:auto;padding:1rem;border:1px solid #8886}</style>"
        f"<h1>Zoo</h1><p>Models of this server:</p><ul>{rows}</ul>"
        f'<pre>{example}</pre><p>All requests and answers: <a href="openapi.json">openapi.json</a></p></html>'
    )
