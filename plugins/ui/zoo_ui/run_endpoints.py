"""The part of the page's API that is about training: plan, start, watch, stop, resume, release and compare runs.

A run is named by its folder. Folders that the page may not use are refused, see `Folders`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from zoo.plugin import (
    ConfigError,
    Recipe,
    Summary,
    autoencoder_run_dir,
    components,
    explain_recipe,
    from_plain,
    kid_curve,
    loss_curve,
    open_run,
)
from zoo_ui.comparison import compare, picture_of, runs_below, summary_of
from zoo_ui.requests import Query, computed, for_page, json_body, png
from zoo_ui.site import Site, training_site

__all__ = ["ROUTES"]

_MOST = 10_000_000_000
_METRIC = "judge"
_MOST_COMPARED = 8


async def list_strategies(request: Request) -> Response:
    """GET /api/strategies: `{strategies: [{name, summary}]}`."""
    training_site(request)
    rows = [{"name": one.component.name, "summary": one.component.summary} for one in components("transfer")]
    return JSONResponse({"strategies": rows})


async def explain(request: Request) -> Response:
    """GET /plan.html?source=&data=&strategies=a,b: what a transfer would change, tensor by tensor, as HTML."""
    site, query = training_site(request), Query.of(request)
    source, data = (site.folders.check(query.text(name)) for name in ("source", "data"))
    strategy = "+".join(query.texts("strategies", 20)) or "auto"
    if not source or not data:
        raise ConfigError("a plan needs a model to start from and images", "Choose both.")
    plain = {"data": {"source": data}, "gan": {}, "transfer": {"source": source, "strategy": strategy}}

    def answer() -> Response:
        return HTMLResponse(explain_recipe(from_plain(Recipe, plain, "the page"))._repr_html_())

    return await computed(answer)


async def list_runs(request: Request) -> Response:
    """GET /api/runs: every run below the folder of runs, and those that this page has just started, newest first."""
    site = training_site(request)

    def answer() -> dict[str, Any]:
        folders = dict.fromkeys([*reversed(site.jobs.started), *runs_below(site.jobs.root)])
        return {"runs": [_facts(site, folder) for folder in folders], "root": str(site.jobs.root)}

    return JSONResponse(await computed(answer))


async def show_run(request: Request) -> Response:
    """GET /api/run?run=: the facts of one run; `shown_at` are the moments (images shown) of which it has samples."""
    site, query = training_site(request), Query.of(request)
    folder = _folder(site, query)

    def answer() -> dict[str, Any]:
        facts = _facts(site, folder)
        moments = sorted((folder / "samples").glob("*.png"))
        return facts | {
            "shown_at": [int(path.stem) for path in moments if path.stem.isdigit()],
            "log": for_page(site.jobs.log(folder)[-1_500:]) if facts["state"] in ("failed", "died") else "",
        }

    return JSONResponse(await computed(answer))


async def samples(request: Request) -> Response:
    """GET /run/samples.png?run=&at=: the run's samples after so many images shown; by default the newest."""
    site, query = training_site(request), Query.of(request)
    folder = _folder(site, query)
    at = query.whole("at", _MOST, 0, _MOST)

    def answer() -> Response:
        moments = {int(path.stem): path for path in (folder / "samples").glob("*.png") if path.stem.isdigit()}
        path = moments.get(at) or (moments[max(moments)] if moments and at == _MOST else None)
        return _png_or_404(path.read_bytes() if path is not None else None, "The run has no samples of that moment.")

    return await computed(answer)


async def curve(request: Request) -> Response:
    """GET /run/curve.png?runs=&what=kid|losses: KID over images shown of several runs, or the losses of one."""
    site, query = training_site(request), Query.of(request)
    folders = [Path(site.folders.check(name)) for name in query.texts("runs", _MOST_COMPARED)]
    what = query.text("what", "kid")

    def answer() -> Response:
        drawn = kid_curve(folders) if what == "kid" else loss_curve(folders[0]) if folders else None
        return _png_or_404(drawn, "Nothing was measured yet.")

    return await computed(answer)


async def compare_runs(request: Request) -> Response:
    """GET /compared.html?runs=: the figures of several runs, and where their recipes differ, as HTML tables."""
    site, query = training_site(request), Query.of(request)
    folders = [Path(site.folders.check(name)) for name in query.texts("runs", _MOST_COMPARED)]

    def answer() -> Response:
        summaries = [one for folder in folders if (one := summary_of(folder, site.jobs.state(folder))) is not None]
        return HTMLResponse(compare(summaries)[0] if summaries else "")

    return await computed(answer)


async def start(request: Request) -> Response:
    """POST /api/runs/start with `{source, data, strategies, adapt, images, batch, seed, measure, by_class, beside}`:
    start a transfer, and with `beside` another run from scratch for as many images; `{runs: [folder]}`. An empty source
    is chosen by the images."""
    site, query = training_site(request), await json_body(request)
    images = query.whole("images", 50_000, 1, _MOST)
    how: dict[str, Any] = {
        "images": images,
        "batch": query.whole("batch", 32, 1, 100_000),
        "seed": query.seed(),
        "metric": _METRIC if query.flag("measure") else "",
        "every": max(1, images // 8),
        "by_class": query.flag("by_class"),
    }
    source, data, adapt = query.text("source"), query.text("data"), query.whole("adapt", 0, 0, _MOST)
    strategy = "+".join(query.texts("strategies", 20))
    beside = query.flag("beside")

    def answer() -> list[str]:
        folders = [site.jobs.transfer(source, data, strategy, adapt=adapt, **how)]
        if beside:
            folders.append(site.jobs.transfer(source, data, "scratch", **how))
        return [str(folder) for folder in folders]

    return JSONResponse({"runs": await computed(answer)})


async def stop(request: Request) -> Response:
    """POST /api/run/stop with `{run}`: ask it to write a checkpoint and end."""
    site = training_site(request)
    site.jobs.stop(_folder(site, await json_body(request)))
    return JSONResponse({})


async def resume(request: Request) -> Response:
    """POST /api/run/resume with `{run}`: continue from its last checkpoint."""
    site = training_site(request)
    site.jobs.resume(_folder(site, await json_body(request)))
    return JSONResponse({})


async def release(request: Request) -> Response:
    """POST /api/run/release with `{run, name, license, folder}`: write it as a release; `{name, version, folder}`."""
    site, query = training_site(request), await json_body(request)
    run, wish = _folder(site, query), query.text("folder").strip()
    if not wish:
        raise ConfigError("no folder is named for the release", "Name a new one.")
    into = site.folders.check(str(Path(wish).expanduser().absolute()))

    def answer() -> dict[str, str]:
        name, license = query.text("name").strip(), query.text("license").strip()
        manifest = open_run(run).release(into, license=license, name=name or None)
        return {"name": manifest.name, "version": manifest.version, "folder": into}

    return JSONResponse(await computed(answer))


def _facts(site: Site, folder: Path) -> dict[str, Any]:
    """A run as plain data. `phase` is `autoencoder` while the autoencoder learns the images first; `stoppable` says
    whether this page trains it now, `resumable` whether it can be continued."""
    state = site.jobs.state(folder)
    own = summary_of(folder, state)
    summary = own or summary_of(autoencoder_run_dir(folder), state)
    name = os.path.relpath(folder, site.jobs.root)
    running = site.jobs.is_running(folder)
    facts: dict[str, Any] = {"run": str(folder), "name": name, "stoppable": running, "version": ""}
    if summary is None:
        log = for_page(site.jobs.log(folder)[-600:])
        waiting = {"state": "starting" if running else state or "unreadable", "error": "" if running else log}
        return facts | waiting | {"phase": "", "resumable": False, "shown": 0, "total": 0, "figures": {}}
    resumable = not running and summary.state in ("stopped", "failed", "died")
    return facts | _figures(summary) | {"phase": "gan" if own else "autoencoder", "resumable": resumable}


def _figures(summary: Summary) -> dict[str, Any]:
    rate = summary.images_per_second or 0
    running = summary.state == "running"
    return {
        "state": summary.state,
        "error": for_page(summary.error),
        "shown": summary.shown,
        "total": summary.total,
        "rate": rate,
        "seconds_left": (summary.total - summary.shown) / rate if rate and running else None,
        "strategy": summary.strategy,
        "source": summary.source,
        "data": summary.recipe.data.source if summary.recipe else "",
        "figures": {name: values[-1].value for name, values in summary.figures.items() if values},
        "version": str(summary.shown),
    }


def _png_or_404(data: bytes | None, missing: str) -> Response:
    """A PNG, decoded and encoded anew. Raises HTTPException with the text `missing` if there is none."""
    picture = picture_of(data)
    if picture is None:
        raise HTTPException(404, missing)
    return png(picture)


def _folder(site: Site, query: Query) -> Path:
    run = query.text("run")
    if not run:
        raise ConfigError("no run is chosen", "Choose one.")
    return Path(site.folders.check(run))


ROUTES = {
    "/api/strategies": ("GET", list_strategies),
    "/plan.html": ("GET", explain),
    "/api/runs": ("GET", list_runs),
    "/api/runs/start": ("POST", start),
    "/api/run": ("GET", show_run),
    "/run/samples.png": ("GET", samples),
    "/run/curve.png": ("GET", curve),
    "/compared.html": ("GET", compare_runs),
    "/api/run/stop": ("POST", stop),
    "/api/run/resume": ("POST", resume),
    "/api/run/release": ("POST", release),
}
