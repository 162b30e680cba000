"""The pages on which a transfer is planned, started and watched, and on which runs are compared."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from zoo.plugin import ConfigError, autoencoder_run_dir, components, facts_table, kid_curve, loss_curve, newest_grid
from zoo_ui.comparison import compare, picture_of, runs_below, stamp, summary_of
from zoo_ui.jobs import Jobs
from zoo_ui.models import sources
from zoo_ui.widgets import answered, picture, placed, when

__all__ = ["runs_page", "transfer_page"]

_TICK = 2.0
_METRIC = "judge"


def transfer_page(gr: Any, jobs: Jobs) -> None:
    strategies = [registered.component.name for registered in components("transfer")]
    sets = [registered.component.name for registered in components("dataset")]
    releases = sources()
    with gr.Row():
        source = gr.Dropdown(
            releases,
            value=releases[0] if releases else None,
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
        chosen = gr.Dropdown(strategies, value=[], multiselect=True, label="Strategies", info="None: chosen by auto")
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
    plan = gr.HTML(elem_classes="zoo-html", elem_id="explained")
    gr.Markdown("## Watch")
    with gr.Row():
        run = gr.Dropdown(_choices(jobs), label="Run", value=None, scale=3)
        stop = gr.Button("Stop", variant="stop")
        resume = gr.Button("Resume")
    state = gr.HTML(elem_classes="zoo-html", elem_id="now")
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
        released = gr.Markdown()

    def explain_plan(of: str, on: str, names: list[str]) -> str:
        return _plan_of(jobs.folders.check(of or ""), jobs.folders.check(on or ""), "+".join(names) or "auto")

    def start_run(of: str, on: str, names: list[str], first: int, n: int, size: int, at: int, measure: bool) -> Any:
        folder = jobs.transfer(
            of or "",
            on or "",
            "+".join(names),
            images=n,
            batch=size,
            seed=at,
            metric=_METRIC if measure else "",
            every=max(1, int(n) // 8),
            adapt=int(first or 0),
        )
        return gr.Dropdown(_choices(jobs, folder), value=str(folder))

    def show_run(which: str | None, before: str) -> Any:
        if not which:
            return "", *placed(None, None, None), ""
        folder = Path(jobs.folders.check(which))
        now = f"{which} {jobs.state(folder)} {stamp(folder)} {stamp(autoencoder_run_dir(folder))}"
        # curves are drawn again only if something was written
        return (gr.skip(),) * 5 if now == before else (*_progress_of(jobs, folder), now)

    def stop_run(which: str | None) -> None:
        jobs.stop(_run(jobs, which))

    def resume_run(which: str | None) -> None:
        jobs.resume(_run(jobs, which))

    def release_run(which: str | None, called: str, under: str, into: str) -> str:
        from zoo.plugin import open_run

        if not into.strip():
            raise ConfigError("no folder to write", "Name one.")
        into = jobs.folders.check(str(Path(into.strip()).absolute()))
        manifest = open_run(_run(jobs, which)).release(into, license=under.strip(), name=called.strip() or None)
        return f"{manifest.name} {manifest.version} is in {into}. Check it: `zoo verify {into}`"

    stamped = gr.State("")
    shown = [state, sheet, kid, losses, stamped]
    when(explain.click, explain_plan, [source, data, chosen], plan)
    when(start.click, start_run, [source, data, chosen, adapt, images, batch, seed, measured], run)
    when(run.change, show_run, [run, stamped], shown, show_progress="hidden")
    when(gr.Timer(_TICK).tick, show_run, [run, stamped], shown, show_progress="hidden")
    when(stop.click, stop_run, run, None)
    when(resume.click, resume_run, run, None)
    when(make.click, release_run, [run, name, license, folder], released)


def runs_page(gr: Any, jobs: Jobs) -> None:
    with gr.Row():
        chosen = gr.Dropdown(
            _choices(jobs), value=[], multiselect=True, label="Runs", info=f"Below {jobs.root}", scale=4
        )
        again = gr.Button("Look again")
    table = gr.HTML(elem_classes="zoo-html", elem_id="compared")
    curves = picture(gr, "KID of the runs", always=False)
    grids = picture(gr, "Newest samples of the runs", always=False)

    def compare_runs(names: list[str]) -> Any:
        folders = [Path(jobs.folders.check(name)) for name in names]
        summaries = [one for folder in folders if (one := summary_of(folder, jobs.state(folder))) is not None]
        if not summaries:
            return "", *placed(None, None)
        page, *pictures = compare(summaries)
        return page, *placed(*pictures)

    when(chosen.change, compare_runs, chosen, [table, curves, grids])
    when(again.click, lambda names: gr.Dropdown(_choices(jobs), value=names), chosen, chosen).then(
        answered(compare_runs), chosen, [table, curves, grids], api_visibility="private"
    )


def _choices(jobs: Jobs, *also: Path) -> list[tuple[str, str]]:
    """Runs below the root as (name to show, folder), and jobs that have written nothing yet."""
    folders = dict.fromkeys([*also, *jobs.started, *runs_below(jobs.root)])
    return [(os.path.relpath(folder, jobs.root), str(folder)) for folder in folders]


def _run(jobs: Jobs, which: str | None) -> Path:
    if not which:
        raise ConfigError("no run is chosen", "Choose one.")
    return Path(jobs.folders.check(which))


def _plan_of(source: str, data: str, strategy: str) -> str:
    from zoo.plugin import Recipe, explain_recipe, from_plain

    if not source.strip() or not data.strip():
        raise ConfigError("a transfer needs a source and images", "Choose both.")
    plain = {"data": {"source": data}, "gan": {}, "transfer": {"source": source, "strategy": strategy}}
    report = explain_recipe(from_plain(Recipe, plain, "the page"))
    return report._repr_html_()


def _progress_of(jobs: Jobs, folder: Path) -> tuple[Any, ...]:
    state = jobs.state(folder)
    own = summary_of(folder, state)
    summary = own or summary_of(autoencoder_run_dir(folder), state)
    if summary is None:
        state = state or "not there"
        return (
            facts_table([("state", "starting" if state == "running" else state), ("log", jobs.log(folder))]),
            *placed(None, None, None),
        )
    rows: list[tuple[str, object]] = [
        ("state", f"{summary.state}: the autoencoder learns your images first" if own is None else summary.state),
        ("images", f"{summary.shown:,} of {summary.total:,}, {summary.images_per_second or 0:,.0f} a second"),
        ("strategy", summary.strategy),
        *((name, f"{figures[-1].value:.4g}") for name, figures in summary.figures.items()),
    ]
    if summary.state == "failed":
        rows.append(("end of its log", jobs.log(folder)[-600:] or summary.error))
    attributes = f'max="{summary.total}" value="{summary.shown}" style="width:100%" aria-label="Progress"'
    pngs = (newest_grid(summary.folder), kid_curve([summary.folder]), loss_curve(summary.folder))
    return f"<progress {attributes}></progress>{facts_table(rows)}", *placed(*map(picture_of, pngs))
