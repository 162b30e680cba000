"""The pages: what is laid out where, and which function answers. Everything that computes lies beside this file."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo import html, plugins
from zoo.errors import ConfigError, ZooError
from zoo.training.drawn import kid_curve, loss_curve, newest_grid
from zoo.ui import board
from zoo.ui.jobs import Jobs
from zoo.ui.models import Shelf, sources

__all__ = ["build", "launch"]

_TICK = 2.0
_METRIC = "judge"

_STYLE = """
.gradio-container { width: 100%; max-width: 76rem !important; margin: 0 auto !important; }
.gradio-container, .gradio-container .main, .gradio-container .contain, .tabs, .tab-container { min-width: 0 !important; }
.secondary-wrap input { padding-right: 1.4rem !important; text-overflow: ellipsis; }
.zoo-html { overflow-x: auto; }
.zoo-html table { width: auto; border-collapse: collapse; margin: .6rem 0; }
.zoo-html :is(table, thead, tbody, tr) { border: 0 !important; }
.zoo-html :is(th, td) { border: 0 !important; border-bottom: 1px solid var(--border-color-primary) !important;
  padding: .35rem 1.2rem .35rem 0 !important; }
.zoo-html progress { accent-color: var(--color-accent); }
.zoo-html svg[role=img] { min-width: 34rem; max-width: 46rem !important; }
@media (max-width: 640px) {
  .gradio-container .main { padding: 1rem .75rem !important; }
  .gradio-container .row { flex-wrap: wrap; }
  .gradio-container .row > * { flex: 1 1 9rem; }
  .gradio-container .row > .form { flex: 1 1 100%; }
  .gradio-container .zoo-wide { flex: 1 1 100%; }
  .tab-container button { padding-left: .5rem !important; padding-right: .5rem !important; }
  .zoo-picture .image-frame { padding-top: 2rem; }
}
"""


def build(runs: Path, *, first: str = "", space: str = "") -> tuple[Any, Jobs]:
    """The page as gradio blocks, and the jobs that it starts. `first` is the model shown at the start; with `space`,
    the page's title, it is the only one and nothing can be trained. Raises ConfigError when gradio is not installed."""
    gr = _gradio()
    shelf, jobs = Shelf(runs, only=first if space else ""), Jobs(runs)
    names = shelf.names()
    with gr.Blocks(title=space or "Zoo", analytics_enabled=False, delete_cache=(600, 3600), fill_width=True) as page:
        gr.Markdown(f"# {space or 'Zoo'}")
        if space:
            _play(gr, page, shelf, first, names)
            return page, jobs
        with gr.Tabs():
            with gr.Tab("Play", id="play"):
                _play(gr, page, shelf, first or shelf.first(), names)
            with gr.Tab("Transfer", id="transfer"):
                _transfer(gr, jobs)
            with gr.Tab("Runs", id="runs"):
                _runs(gr, jobs)
    return page, jobs


def launch(
    runs: Path,
    *,
    first: str = "",
    space: str = "",
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = False,
) -> None:
    """Serve the page until Ctrl-C; then the runs that it started write their checkpoints and end."""
    with tempfile.TemporaryDirectory(prefix="zoo-ui-") as scratch:
        os.environ["GRADIO_TEMP_DIR"] = scratch  # read by gradio when a result is written; gone with the page
        page, jobs = build(runs, first=first, space=space)
        try:
            page.launch(
                server_name=host,
                server_port=port,
                inbrowser=browser,
                share=False,
                footer_links=[],
                max_file_size="20mb",
                css=_STYLE,
                theme=_theme(),
                ssr_mode=False,
                mcp_server=False,
                quiet=True,
                prevent_thread_lock=True,
            )
            print(f"Zoo is at {page.local_url}  (Ctrl-C ends it)", flush=True)
            page.block_thread()
        finally:
            page.close()
            jobs.close()


def _gradio() -> Any:
    try:
        import gradio
    except ImportError as error:
        raise ConfigError(
            "gradio is not installed, and the page is made with it", "pip install 'aegan-zoo[ui]'"
        ) from error
    return gradio


def _theme() -> Any:
    """Gradio's own, its fonts served by itself, with small print that can be read."""
    gr = _gradio()
    theme = gr.themes.Default(primary_hue="blue")
    dark = dict.fromkeys(("block_info_text_color", "block_label_text_color", "block_title_text_color"), "*neutral_600")
    light = {f"{name}_dark": "*neutral_300" for name in dark}
    return theme.set(body_text_color_subdued="*neutral_600", **dark, **light)


def _told(answer: Callable[..., Any]) -> Callable[..., Any]:
    """What Zoo understands becomes a note on the page, message and hint; anything else is gradio's to show."""

    @functools.wraps(answer)
    def asked(*words: Any) -> Any:
        try:
            return answer(*words)
        except ZooError as error:
            raise _gradio().Error(
                html.escape(f"{error.message}. {error.hint}"), duration=15, print_exception=False
            ) from error

    return asked


def _when(event: Any, answer: Callable[..., Any], inputs: Any, outputs: Any, **how: Any) -> Any:
    """`answer` to an event; not an API for others."""
    return event(_told(answer), inputs, outputs, api_visibility="private", **how)


def _picture(gr: Any, label: str, *, always: bool = True) -> Any:
    """A place for a picture; one that is not `always` there shows itself with its picture, see `_shown`."""
    # without a visible label, which would lie on the picture; the alternative text says what it is
    look: dict[str, Any] = {"show_label": False, "buttons": ["download"], "alt_text": label, "visible": always}
    return gr.Image(label=label, type="pil", format="png", interactive=False, elem_classes="zoo-picture", **look)


def _shown(*pictures: Any) -> list[Any]:
    """Pictures, each in its place; the place of none is hidden."""
    gr = _gradio()
    return [gr.Image(value=picture, visible=picture is not None) for picture in pictures]


def _upload(gr: Any, label: str) -> Any:
    return gr.Image(label=label, type="pil", image_mode="RGBA", sources=["upload", "clipboard"], height=220)


def _play(gr: Any, page: Any, shelf: Shelf, first: str, names: list[str]) -> None:
    model = gr.Dropdown(
        names,
        value=first,
        label="Model",
        info="A release of this machine, a run, or the folder of either",
        allow_custom_value=not shelf.only,
        visible=not shelf.only,
    )
    about = gr.Markdown()
    _when(model.change, lambda name: shelf.open(name).about(), model, about)
    if first:
        _when(page.load, lambda name: shelf.open(name).about(), model, about)  # open before the first question
    with gr.Tabs():
        with gr.Tab("Sample", id="sample"):
            with gr.Row():
                count = gr.Slider(1, 256, 64, step=1, label="Images", info="How many at once")
                seed = gr.Number(0, label="Seed", precision=0, info="Same seed, same samples")
                truncation = gr.Slider(0, 1.5, 1, step=0.05, label="Truncation", info="Below 1: nearer to the mean")
            sample = gr.Button("Sample", variant="primary")
            sheet = _picture(gr, "Samples")

            def sampled(name: str, n: int, at: int, psi: float) -> Any:
                return shelf.open(name).sample(n, at, psi)

            asked = [model, count, seed, truncation]
            _when(sample.click, sampled, asked, sheet)
            for event in (seed.submit, truncation.release):
                _when(event, sampled, asked, sheet, show_progress="minimal")
        with gr.Tab("Walk", id="walk"):
            with gr.Row():
                start = gr.Number(0, label="From seed", precision=0)
                end = gr.Number(1, label="To seed", precision=0)
                steps = gr.Slider(2, 24, 10, step=1, label="Steps")
            walk = gr.Button("Walk", variant="primary")
            path = _picture(gr, "Walks")
            _when(walk.click, lambda name, a, b, n: shelf.open(name).walk(a, b, n), [model, start, end, steps], path)
        with gr.Tab("Reconstruct", id="look"):
            with gr.Row():
                upload = _upload(gr, "Your image")
                with gr.Column():
                    among = gr.Textbox(
                        label="Neighbours among", info="A data set's name or a folder; else what it was trained on"
                    )
                    look = gr.Button("Reconstruct", variant="primary")
            seen = _picture(gr, "Reconstruction and neighbours")
            _when(look.click, lambda name, up, among: shelf.open(name).look(up, among), [model, upload, among], seen)
        with gr.Tab("Arithmetic", id="add"):
            gr.Markdown("A + strength (C - B), on codes. Each is the sample of a seed, or an image that you upload.")
            with gr.Row():
                ups = [_upload(gr, f"{letter} (optional)") for letter in "ABC"]
            with gr.Row():
                seeds = [gr.Number(i, label=f"Seed of {letter}", precision=0) for i, letter in enumerate("ABC")]
                strength = gr.Slider(-2, 2, 1, step=0.1, label="Strength")
            add = gr.Button("Add", variant="primary")
            total = _picture(gr, "Sum")
            _when(
                add.click,
                lambda name, a, b, c, i, j, k, s: shelf.open(name).add(a, b, c, (i, j, k), s),
                [model, *ups, *seeds, strength],
                total,
            )
        with gr.Tab("Judge", id="judge"):
            with gr.Row():
                judged = _upload(gr, "Your image (optional)")
                with gr.Column():
                    beside = gr.Textbox(
                        label="Real images", info="A data set's name or a folder; else what it was trained on"
                    )
                    judge = gr.Button("Ask the discriminator", variant="primary")
                    words = gr.Textbox(label="Realness of your image", interactive=False)
            spread = _picture(gr, "Realness of real and generated images")
            _when(
                judge.click,
                lambda name, up, on: shelf.open(name).judge(up, on),
                [model, judged, beside],
                [words, spread],
            )


def _transfer(gr: Any, jobs: Jobs) -> None:
    strategies = [offer.component.name for offer in plugins.components("transfer")]
    sets = [offer.component.name for offer in plugins.components("dataset")]
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
        images = gr.Number(50_000, label="Images shown", precision=0, minimum=1)
        batch = gr.Number(32, label="Batch", precision=0, minimum=1)
        seed = gr.Number(0, label="Seed", precision=0)
        measured = gr.Checkbox(True, label="Measure KID on the way")
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
        sheet = _picture(gr, "Newest samples", always=False)
        with gr.Column():
            kid = _picture(gr, "KID", always=False)
            losses = _picture(gr, "Losses", always=False)
    with gr.Accordion("Release it", open=False):
        with gr.Row():
            name = gr.Textbox(label="Name", info="arch.tag, such as dcgan.mine")
            license = gr.Textbox(label="License", info="An SPDX expression, such as CC-BY-4.0")
            folder = gr.Textbox("release", label="Folder")
        make = gr.Button("Release")
        made = gr.Markdown()

    def explained(of: str, on: str, names: list[str]) -> str:
        return _explained(of or "", on or "", "+".join(names) or "auto")

    def started(of: str, on: str, names: list[str], n: int, size: int, at: int, judged: bool) -> Any:
        made = jobs.transfer(
            of or "",
            on or "",
            "+".join(names),
            images=n,
            batch=size,
            seed=at,
            metric=_METRIC if judged else "",
            every=max(1, int(n) // 8),
        )
        return gr.Dropdown(_choices(jobs, made), value=str(made))

    def watched(which: str | None, before: str) -> Any:
        if not which:
            return "", *_shown(None, None, None), ""
        stamp = f"{which} {jobs.state(Path(which))} {board.stamp(Path(which))}"
        # curves are drawn again only when something was written
        return (gr.skip(),) * 5 if stamp == before else (*_watched(jobs, Path(which)), stamp)

    def stopped(which: str | None) -> None:
        jobs.stop(_run(which))

    def resumed(which: str | None) -> None:
        jobs.resume(_run(which))

    def released(which: str | None, called: str, under: str, into: str) -> str:
        from zoo.runs import open_run

        if not into.strip():
            raise ConfigError("no folder to write", "Name one.")
        manifest = open_run(_run(which)).release(into.strip(), license=under.strip(), name=called.strip() or None)
        return f"{manifest.name} {manifest.version} is in {into}. Check it: `zoo verify {into}`"

    drawn = gr.State("")
    shown = [now, sheet, kid, losses, drawn]
    _when(explain.click, explained, [source, data, chosen], told)
    _when(start.click, started, [source, data, chosen, images, batch, seed, measured], run)
    _when(run.change, watched, [run, drawn], shown, show_progress="hidden")
    _when(gr.Timer(_TICK).tick, watched, [run, drawn], shown, show_progress="hidden")
    _when(stop.click, stopped, run, None)
    _when(resume.click, resumed, run, None)
    _when(make.click, released, [run, name, license, folder], made)


def _runs(gr: Any, jobs: Jobs) -> None:
    with gr.Row():
        chosen = gr.Dropdown(
            _choices(jobs), value=[], multiselect=True, label="Runs", info=f"Below {jobs.root}", scale=4
        )
        again = gr.Button("Look again")
    table = gr.HTML(elem_classes="zoo-html", elem_id="compared")
    curves = _picture(gr, "KID of the runs", always=False)
    grids = _picture(gr, "Newest samples of the runs", always=False)

    def compared(names: list[str]) -> Any:
        looks = [one for name in names if (one := board.readable(Path(name), jobs.state(Path(name)))) is not None]
        if not looks:
            return "", *_shown(None, None)
        told, *drawn = board.compare(looks)
        return told, *_shown(*drawn)

    _when(chosen.change, compared, chosen, [table, curves, grids])
    _when(again.click, lambda names: gr.Dropdown(_choices(jobs), value=names), chosen, chosen).then(
        _told(compared), chosen, [table, curves, grids], api_visibility="private"
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
    from zoo.pipeline import explain_recipe
    from zoo.training.recipe import Recipe

    if not source.strip() or not data.strip():
        raise ConfigError("a transfer needs a source and images", "Choose both.")
    plain = {"data": {"source": data}, "gan": {}, "transfer": {"source": source, "strategy": strategy}}
    report = explain_recipe(from_plain(Recipe, plain, "the page"))
    return report._repr_html_()


def _watched(jobs: Jobs, folder: Path) -> tuple[Any, ...]:
    seen = board.readable(folder, jobs.state(folder))
    if seen is None:
        state = jobs.state(folder) or "not there"
        return (
            html.facts([("state", "starting" if state == "running" else state), ("log", jobs.log(folder))]),
            *_shown(None, None, None),
        )
    rows: list[tuple[str, object]] = [
        ("state", seen.state),
        ("images", f"{seen.shown:,} of {seen.total:,}, {seen.speed:,.0f} a second"),
        ("strategy", seen.strategy),
        *((name, f"{value:.4g}") for name, value in seen.figures.items()),
    ]
    if seen.state == "failed":
        rows.append(("its last words", jobs.log(folder)[-600:]))
    progress = (
        f'<progress max="{seen.total}" value="{seen.shown}" style="width:100%" aria-label="Images shown"></progress>'
    )
    return (
        progress + html.facts(rows),
        *_shown(*map(board.picture, (newest_grid(folder), kid_curve([folder]), loss_curve(folder)))),
    )
