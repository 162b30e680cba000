"""The pages on which a transfer is planned, started and watched, and on which runs are compared."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from zoo import plugins
from zoo._utils import html
from zoo.errors import ConfigError
from zoo.training.run_dir import autoencoder_run_dir
from zoo.training.summary import kid_curve, loss_curve, newest_grid
from zoo.ui import board
from zoo.ui.jobs import Jobs
from zoo.ui.models import sources
from zoo.ui.parts import answered, picture, placed, when

__all__ = ["runs", "transfer"]

_TICK = 2.0
_METRIC = "judge"


def transfer(gr: Any, jobs: Jobs) -> None:
    strategies = [registered.component.name for registered in plugins.components("transfer")]
    sets = [registered.component.name for registered in plugins.components("dataset")]
    held = sources()
    with gr.Row():
        source = gr.Dropdown(
            held,
            value=held[0] if held else None,
            label="Source",
            info="Its autoencoder",
            allow_custom_value=True,
            elem_classes="zoo-wide",
        )
        data = gr.Dropdown(
            sets,
            value=None,
            label="Images",
            info="A data set, or the path of a folder",
            allow_custom_value=True,
            elem_classes="zoo-wide",
        )
        chosen = gr.Dropdown(
            strategies, value=[], multiselect=True, label="Strategies", info="None: auto looks at both and chooses"
        )
    with gr.Row():
        adapt = gr.Number(
            12_800, label="Learn first", info="Images shown to the autoencoder before; 0: none", precision=0, minimum=0
        )
        images = gr.Number(50_000, label="Images shown", precision=0, minimum=1)
        batch = gr.Number(32, label="Batch", precision=0, minimum=1)
        seed = gr.Number(0, label="Seed", precision=0)
        measured = gr.Checkbox(True, label="Measure KID on the way", elem_classes="zoo-whole-word")
    with gr.Row():
        explain = gr.Button("Explain")
        start = gr.Button("Start", variant="primary")
    told = gr.HTML(elem_classes="zoo-html", elem_id="explained")
    gr.Markdown("## Watch")
    with gr.Row():
        run = gr.Dropdown(_choices(jobs), label="Run", value=None, scale=3)
        stop = gr.Button("Stop", variant="stop")
        resume = gr.Button("Resume")
    now = gr.HTML(elem_classes="zoo-html", elem_id="now")
    with gr.Row():
        sheet = picture(gr, "Newest samples", always=False)
        with gr.Column():
            kid = picture(gr, "KID", always=False)
            losses = picture(gr, "Losses", always=False)
    with gr.Accordion("Release it", open=False):
        with gr.Row():
            name = gr.Textbox(label="Name", info="arch.tag, such as dcgan.mine")
            license = gr.Textbox(label="License", info="An SPDX expression, such as CC-BY-4.0")
            folder = gr.Textbox("release", label="Folder")
        make = gr.Button("Release")
        made = gr.Markdown()

    def explained(of: str, on: str, names: list[str]) -> str:
        return _explained(of or "", on or "", "+".join(names) or "auto")

    def started(of: str, on: str, names: list[str], first: int, n: int, size: int, at: int, judged: bool) -> Any:
        made = jobs.transfer(
            of or "",
            on or "",
            "+".join(names),
            images=n,
            batch=size,
            seed=at,
            metric=_METRIC if judged else "",
            every=max(1, int(n) // 8),
            adapt=int(first or 0),
        )
        return gr.Dropdown(_choices(jobs, made), value=str(made))

    def watched(which: str | None, before: str) -> Any:
        if not which:
            return "", *placed(None, None, None), ""
        folder = Path(which)
        stamp = f"{which} {jobs.state(folder)} {board.stamp(folder)} {board.stamp(autoencoder_run_dir(folder))}"
        # curves are drawn again only when something was written
        return (gr.skip(),) * 5 if stamp == before else (*_watched(jobs, folder), stamp)

    def stopped(which: str | None) -> None:
        jobs.stop(_run(which))

    def resumed(which: str | None) -> None:
        jobs.resume(_run(which))

    def released(which: str | None, called: str, under: str, into: str) -> str:
        from zoo.training.api import open_run

        if not into.strip():
            raise ConfigError("no folder to write", "Name one.")
        manifest = open_run(_run(which)).release(into.strip(), license=under.strip(), name=called.strip() or None)
        return f"{manifest.name} {manifest.version} is in {into}. Check it: `zoo verify {into}`"

    drawn = gr.State("")
    shown = [now, sheet, kid, losses, drawn]
    when(explain.click, explained, [source, data, chosen], told)
    when(start.click, started, [source, data, chosen, adapt, images, batch, seed, measured], run)
    when(run.change, watched, [run, drawn], shown, show_progress="hidden")
    when(gr.Timer(_TICK).tick, watched, [run, drawn], shown, show_progress="hidden")
    when(stop.click, stopped, run, None)
    when(resume.click, resumed, run, None)
    when(make.click, released, [run, name, license, folder], made)


def runs(gr: Any, jobs: Jobs) -> None:
    with gr.Row():
        chosen = gr.Dropdown(
            _choices(jobs), value=[], multiselect=True, label="Runs", info=f"Below {jobs.root}", scale=4
        )
        again = gr.Button("Look again")
    table = gr.HTML(elem_classes="zoo-html", elem_id="compared")
    curves = picture(gr, "KID of the runs", always=False)
    grids = picture(gr, "Newest samples of the runs", always=False)

    def compared(names: list[str]) -> Any:
        looks = [one for name in names if (one := board.readable(Path(name), jobs.state(Path(name)))) is not None]
        if not looks:
            return "", *placed(None, None)
        told, *drawn = board.compare(looks)
        return told, *placed(*drawn)

    when(chosen.change, compared, chosen, [table, curves, grids])
    when(again.click, lambda names: gr.Dropdown(_choices(jobs), value=names), chosen, chosen).then(
        answered(compared), chosen, [table, curves, grids], api_visibility="private"
    )


def _choices(jobs: Jobs, *also: Path) -> list[tuple[str, str]]:
    """Runs below the root as (name to show, folder); a job that has written nothing yet is one too."""
    folders = dict.fromkeys([*also, *jobs.started, *board.find_runs(jobs.root)])
    return [(os.path.relpath(folder, jobs.root), str(folder)) for folder in folders]


def _run(which: str | None) -> Path:
    if not which:
        raise ConfigError("no run is chosen", "Choose one.")
    return Path(which)


def _explained(source: str, data: str, strategy: str) -> str:
    from zoo.config import from_plain
    from zoo.training.pipeline import explain_recipe
    from zoo.training.recipe import Recipe

    if not source.strip() or not data.strip():
        raise ConfigError("a transfer needs a source and images", "Choose both.")
    plain = {"data": {"source": data}, "gan": {}, "transfer": {"source": source, "strategy": strategy}}
    report = explain_recipe(from_plain(Recipe, plain, "the page"))
    return report._repr_html_()


def _watched(jobs: Jobs, folder: Path) -> tuple[Any, ...]:
    state = jobs.state(folder)
    own = board.readable(folder, state)
    seen = own or board.readable(autoencoder_run_dir(folder), state)
    if seen is None:
        state = state or "not there"
        return (
            html.facts([("state", "starting" if state == "running" else state), ("log", jobs.log(folder))]),
            *placed(None, None, None),
        )
    told = f"{seen.state}: the autoencoder learns your images first" if own is None else seen.state
    rows: list[tuple[str, object]] = [
        ("state", told),
        ("images", f"{seen.shown:,} of {seen.total:,}, {seen.speed:,.0f} a second"),
        ("strategy", seen.strategy),
        *((name, f"{value:.4g}") for name, value in seen.figures.items()),
    ]
    if seen.state == "failed":
        rows.append(("its last words", jobs.log(folder)[-600:]))
    progress = f'<progress max="{seen.total}" value="{seen.shown}" style="width:100%" aria-label="Progress"></progress>'
    return (
        progress + html.facts(rows),
        *placed(*map(board.picture, (newest_grid(seen.folder), kid_curve([seen.folder]), loss_curve(seen.folder)))),
    )
