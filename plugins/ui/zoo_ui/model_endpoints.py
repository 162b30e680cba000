"""The part of the page's API that is about one model. Every address names the model and everything else that its answer
depends on, so that it can be shared. All need the page's cookie, see `Gate`.

Common parameters: `model` (name or folder), `class` (a class's name; empty: any), `truncation` (0 to 1.5, default 1),
`scale` (1 to 16: how many times a picture is enlarged, without smoothing). A seed names a picture: it is the one that
`zoo sample MODEL --seed SEED -n 1` draws.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zoo.plugin import ConfigError, grid
from zoo_ui.animation import animation
from zoo_ui.loaded_model import MOST, LoadedModel
from zoo_ui.requests import Query, computed, picture_body, png
from zoo_ui.site import site_of

__all__ = ["ROUTES"]

_LARGEST_MAP = 15
_MOST_FRAMES = 240


async def list_models(request: Request) -> Response:
    """GET /api/models: every model on this machine, as `{models: [{name, kind, ...}], first, title}`."""
    site = site_of(request)

    def answer() -> dict[str, Any]:
        cards = [card.plain() for card in site.models.cards()]
        return {"models": cards, "first": site.first or site.models.first(), "title": site.title}

    return JSONResponse(await computed(answer))


async def describe(request: Request) -> Response:
    """GET /api/model?model=: what it is and what can be done with it: title, about, shape, classes, whether it is
    a GAN and has an encoder, the name of its images; `version` changes with its weights."""
    query, models = Query.of(request), site_of(request).models

    def answer() -> dict[str, Any]:
        name = query.text("model")
        return models.open(name).facts() | {"name": name, "version": models.version(name)}

    return JSONResponse(await computed(answer))


async def picture(request: Request) -> Response:
    """GET /picture.png?model=&seed=: the picture of a seed. With `save=1` the browser saves it."""
    query = Query.of(request)
    seed = query.seed()

    def answer() -> Response:
        pixels = _model(request, query).samples([seed], *_how(query))
        name = f"{_plain(query.text('model'))}-seed-{seed}.png" if query.flag("save") else ""
        return png(grid(pixels, 1, scale=_scale(query), gap=0), name=name)

    return await computed(answer)


async def sheet(request: Request) -> Response:
    """GET /sheet.png?model=&seeds=0-23&across=: the pictures of several seeds in one."""
    query = Query.of(request)
    seeds, across = query.seeds("seeds", MOST), query.whole("across", 8, 1, 32)

    def answer() -> Response:
        name = f"{_plain(query.text('model'))}-samples.png" if query.flag("save") else ""
        return png(grid(_model(request, query).samples(seeds, *_how(query)), across), name=name)

    return await computed(answer)


async def code_map(request: Request) -> Response:
    """GET /map.png?model=&across=9: a map of codes as across x across pictures without gaps; or, with `x` and `y` (0 to
    1), the one picture at that place. `corners` are four seeds (top left, top right, bottom left, bottom right); with
    `seed` instead, it is the plane of the model's two principal components through the picture of that seed."""
    query = Query.of(request)
    if "x" in query.values:
        places, across = torch.tensor([[query.number("x", 0, 0, 1), query.number("y", 0, 0, 1)]]), 1
    else:
        across = query.whole("across", 9, 2, _LARGEST_MAP)
        line = (torch.arange(across) + 0.5) / across
        places = torch.stack([line.repeat(across), line.repeat_interleave(across)], 1)
    corners = query.seeds("corners", 4) if "corners" in query.values else []
    if corners and len(corners) != 4:
        raise ConfigError("a map has four corners", "Give four seeds.")
    seed = query.seed()

    def answer() -> Response:
        model = _model(request, query)
        how = _how(query)
        pixels = model.map(corners, places, *how) if corners else model.plane(seed, places, *how)
        name = f"{_plain(query.text('model'))}-map.png" if query.flag("save") else ""
        return png(grid(pixels, across, scale=_scale(query), gap=0), name=name)

    return await computed(answer)


async def list_directions(request: Request) -> Response:
    """GET /api/directions?model=&method=components|classes: the names of the directions, which are computed now if they
    were not before."""
    query = Query.of(request)

    def answer() -> dict[str, Any]:
        method = query.text("method", "components")
        return {"method": method, "names": list(_model(request, query).directions(method).names)}

    return JSONResponse(await computed(answer))


async def edited(request: Request) -> Response:
    """GET /edited.png?model=&seed=&moves=components:1:0.5,classes:7:1: the picture of a seed, moved along directions by
    these strengths (-5 to 5)."""
    query = Query.of(request)
    seed = query.seed()
    strengths: dict[tuple[str, str], float] = {}
    for move in query.texts("moves", 64):
        method, _, rest = move.partition(":")
        name, _, strength = rest.rpartition(":")
        strengths[method, name] = Query({"strength": strength}).number("strength", 0, -5, 5)

    def answer() -> Response:
        pixels = _model(request, query).edited(seed, strengths, *_how(query))
        name = f"{_plain(query.text('model'))}-moved-{seed}.png" if query.flag("save") else ""
        return png(grid(pixels, 1, scale=_scale(query), gap=0), name=name)

    return await computed(answer)


async def walk(request: Request) -> Response:
    """GET /walk.gif, /walk.webp or /walk.png?model=&stops=3,17,42&steps=12&closed=1&seconds=0.08: the way over the
    pictures of seeds, as an animation or as a strip."""
    query, kind = Query.of(request), request.url.path.rpartition(".")[2]
    stops, closed = query.seeds("stops", 12), query.flag("closed")
    steps = query.whole("steps", 12, 1, 60)
    seconds = query.number("seconds", 0.08, 0.02, 1)
    if len(stops) * steps > _MOST_FRAMES:
        raise ConfigError(f"{len(stops) * steps} pictures are too many for one walk", f"At most {_MOST_FRAMES}.")

    def answer() -> Response:
        pixels = _model(request, query).walk(stops, steps, *_how(query), closed=closed)
        if kind == "png":
            return png(grid(pixels, min(steps, len(pixels)), gap=0))
        data = animation(pixels, "webp" if kind == "webp" else "gif", seconds=seconds, scale=_scale(query))
        headers = {"Cache-Control": "private, max-age=300"}
        if query.flag("save"):
            name = f"{_plain(query.text('model'))}-walk.{kind}"
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return Response(data, media_type=f"image/{kind}", headers=headers)

    return await computed(answer)


async def reconstruct(request: Request) -> Response:
    """POST /reconstruct.png?model=&among=: the picture in the body, its reconstruction and its nearest neighbours by
    code among these images; by default among those that the model was trained on."""
    query, given = Query.of(request), await picture_body(request)
    return await computed(lambda: png(_model(request, query).reconstruct(given, query.text("among"))))


async def discriminate(request: Request) -> Response:
    """POST /discriminate.png?model=&among=: a histogram of the discriminator's logits of real and generated images, and
    of the picture in the body, if there is one; the header X-Words says it in words."""
    query, given = Query.of(request), await picture_body(request)

    def answer() -> Response:
        words, histogram = _model(request, query).discriminate(given, query.text("among"))
        response = png(histogram)
        response.headers["X-Words"] = words
        return response

    return await computed(answer)


async def add(request: Request) -> Response:
    """GET or POST /add.png?model=&seeds=0,1,2&strength=1&at=A: the pictures A, B, C of three seeds and
    A + strength (C - B), on codes. A picture in the body takes the place `at`."""
    query, given = Query.of(request), await picture_body(request)
    seeds, place = query.seeds("seeds", 3, "0,1,2"), query.text("at", "A")
    if len(seeds) != 3 or place not in ("A", "B", "C"):
        raise ConfigError("an addition needs three seeds", "Give those of A, B and C.")
    strength = query.number("strength", 1, -3, 3)
    a, b, c = seeds
    first, minus, plus = (given if letter == place else None for letter in "ABC")
    return await computed(lambda: png(_model(request, query).add(first, minus, plus, (a, b, c), strength)))


def _model(request: Request, query: Query) -> LoadedModel:
    return site_of(request).models.open(query.text("model"))


def _how(query: Query) -> tuple[float, str]:
    return query.number("truncation", 1, 0, 1.5), query.text("class")


def _scale(query: Query) -> int:
    return query.whole("scale", 1, 1, 16)


def _plain(name: str) -> str:
    """A model's name in the name of a file."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name)[-60:].strip("-.") or "model"


ROUTES = {
    "/api/models": ("GET", list_models),
    "/api/model": ("GET", describe),
    "/picture.png": ("GET", picture),
    "/sheet.png": ("GET", sheet),
    "/map.png": ("GET", code_map),
    "/api/directions": ("GET", list_directions),
    "/edited.png": ("GET", edited),
    "/walk.gif": ("GET", walk),
    "/walk.webp": ("GET", walk),
    "/walk.png": ("GET", walk),
    "/reconstruct.png": ("POST", reconstruct),
    "/discriminate.png": ("POST", discriminate),
    "/add.png": ("GET POST", add),
}
