"""The playground: its endpoints and files as one application, and the server that shows it."""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import secrets
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from zoo_serve.listener import Listener

from zoo.plugin import ConfigError, ZooError
from zoo_ui import image_endpoints, model_endpoints, run_endpoints
from zoo_ui.folders import Folders
from zoo_ui.gate import Gate
from zoo_ui.jobs import Jobs
from zoo_ui.models import ModelCache
from zoo_ui.requests import Query, computed, respond
from zoo_ui.site import Site, site_of
from zoo_ui.uploads import Uploads

__all__ = ["application", "launch"]

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
"""The page asks nobody but itself. The attribute `style` is allowed for tables and diagrams that Zoo draws."""
_FIRST_PORT, _LAST_PORT = 7860, 7960


def application(
    runs: Path, *, first: str = "", space: str = "", folders: Sequence[Path] = (Path("."),), token: str = ""
) -> tuple[ASGIApp, Jobs]:
    """The page as an ASGI application, and the jobs that it starts. `first` is the model shown at the start; with
    `space`, the page's title, it is the only one and nothing can be trained. Paths that are typed must lie in
    `folders`, by default the working directory, or below `runs`; with `space` none may be typed. With a `token`, it
    answers to this machine alone and to who has the token, see `Gate`."""
    named = (Path(first),) if first and Path(first).is_dir() else ()
    allowed = Folders(() if space else (*folders, runs, *named))
    models, jobs = ModelCache(runs, only=first if space else "", folders=allowed), Jobs(runs, folders=allowed)
    site = Site(models, jobs, Uploads(runs.absolute() / "images"), allowed, first, space)
    routes = [
        Route(path, endpoint, methods=methods.split())
        for module in (model_endpoints, run_endpoints, image_endpoints)
        for path, (methods, endpoint) in module.ROUTES.items()
    ]
    files = [Route("/card.png", card_picture), Route("/", page_file), Route("/{name}", page_file)]
    failures = (HTTPException, ZooError, ClientDisconnect, Exception)
    app = Starlette(routes=[*routes, *files], exception_handlers=dict.fromkeys(failures, respond))
    app.router.redirect_slashes = False
    app.state.site = site
    guarded = _with_headers(app, framed=bool(space))
    return (Gate(guarded, token) if token else guarded), jobs


def launch(
    runs: Path,
    *,
    first: str = "",
    space: str = "",
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = False,
    folders: Sequence[Path] = (Path("."),),
) -> None:
    """Serve the page until Ctrl-C; then the runs that it started write their checkpoints and end. Unless it is a
    `space`, it answers to this machine alone, and to who has the token in the printed address. Raises ConfigError if
    the port is in use."""
    token = "" if space else secrets.token_urlsafe(24)
    app, jobs = application(runs, first=first, space=space, folders=folders, token=token)
    listener = _listener(app, host, port)
    address = f"http://127.0.0.1:{listener.server_address[1]}/" + (f"?token={token}" if token else "")
    print(f"Zoo is at {address}  (Ctrl-C ends it)", flush=True)
    if browser:
        webbrowser.open(address)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            listener.run()
    finally:
        jobs.close()


async def page_file(request: Request) -> Response:
    """GET / and /NAME: the page's own files, which are in the package."""
    name = request.path_params.get("name") or "index.html"
    ending = "." + name.rpartition(".")[2]
    file = importlib.resources.files("zoo_ui").joinpath("page", name)
    if ending not in _TYPES or "/" in name or "\\" in name or not file.is_file():
        raise HTTPException(404, "There is no such page.")
    return Response(file.read_bytes(), media_type=_TYPES[ending], headers={"Cache-Control": "no-cache"})


async def card_picture(request: Request) -> Response:
    """GET /card.png?model=: the picture on a model's card; 404 if it has none."""
    models, name = site_of(request).models, Query.of(request).text("model")
    data = await computed(models.picture, name)
    if data is None:
        raise HTTPException(404, "This model has no picture yet.")
    return Response(data, media_type="image/png", headers={"Cache-Control": "private, max-age=60"})


def _listener(app: ASGIApp, host: str, port: int | None) -> Listener:
    """At the port, or at the first free one from 7860. Raises ConfigError."""
    for one in range(_FIRST_PORT, _LAST_PORT) if port is None else (port,):
        try:
            return Listener(lambda hosts: app, host, one)
        except OSError as error:
            problem = error
    raise ConfigError(
        f"port {one} cannot be listened at: {os.strerror(problem.errno or 0)}",
        f"Name another with --port, or none: then the first free one from {_FIRST_PORT} is taken.",
    )


def _with_headers(app: ASGIApp, *, framed: bool) -> ASGIApp:
    """The application, with the headers that keep a browser from trusting more than the page itself."""
    policy = _POLICY if framed else f"{_POLICY}; frame-ancestors 'none'"
    extra = [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]

    async def with_headers(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await app(scope, receive, send_more)

    return with_headers
