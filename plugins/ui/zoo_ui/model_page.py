"""The page for one model: sample, interpolate, reconstruct, code arithmetic, D's logits."""

from __future__ import annotations

from typing import Any

from zoo_ui.loaded_model import EACH
from zoo_ui.models import ModelCache
from zoo_ui.widgets import picture, upload, when

__all__ = ["model_page"]

_ANY = "any"


def model_page(gr: Any, page: Any, models: ModelCache, first: str, names: list[str]) -> None:
    model = gr.Dropdown(
        names,
        value=first,
        label="Model",
        info="A release of this machine, a run, or the folder of either",
        allow_custom_value=not models.only,
        visible=not models.only,
    )
    about = gr.Markdown()
    with gr.Row(visible=False) as classes:
        asked = gr.Dropdown([(_ANY, "")], value="", label="Class", info="What to sample and walk in")

    def opened(name: str) -> list[Any]:
        one = models.open(name)
        choices = [(_ANY, ""), EACH, *one.classes]
        return [one.about(), gr.Row(visible=bool(one.classes)), gr.Dropdown(choices, value="")]

    when(model.change, opened, model, [about, classes, asked])
    if first:
        when(page.load, opened, model, [about, classes, asked])  # load the model before it is first used
    with gr.Tabs():
        with gr.Tab("Sample", id="sample"):
            with gr.Row():
                count = gr.Slider(1, 256, 64, step=1, label="Images", info="How many at once")
                seed = gr.Number(0, label="Seed", precision=0, info="Same seed, same samples")
                truncation = gr.Slider(0, 1.5, 1, step=0.05, label="Truncation", info="Below 1: nearer to the mean")
            sample = gr.Button("Sample", variant="primary")
            sheet = picture(gr, "Samples")

            def draw_samples(name: str, n: int, at: int, psi: float, of: str) -> Any:
                return models.open(name).sample(n, at, psi, of)

            inputs = [model, count, seed, truncation, asked]
            when(sample.click, draw_samples, inputs, sheet)
            for event in (seed.submit, truncation.release, asked.input):
                when(event, draw_samples, inputs, sheet, show_progress="minimal")
        with gr.Tab("Walk", id="walk"):
            with gr.Row():
                start = gr.Number(0, label="From seed", precision=0)
                end = gr.Number(1, label="To seed", precision=0)
                steps = gr.Slider(2, 24, 10, step=1, label="Steps")
            walk = gr.Button("Walk", variant="primary")
            path = picture(gr, "Walks")
            when(
                walk.click,
                lambda name, a, b, n, of: models.open(name).walk(a, b, n, asked="" if of == EACH else of),
                [model, start, end, steps, asked],
                path,
            )
        with gr.Tab("Reconstruct", id="reconstruct"):
            given, among, reconstruct, _ = _image_and_others(gr, "Your image", "Neighbours among", "Reconstruct")
            reconstruction = picture(gr, "Reconstruction and neighbours")
            when(
                reconstruct.click,
                lambda name, up, among: models.open(name).reconstruct(up, among),
                [model, given, among],
                reconstruction,
            )
        with gr.Tab("Arithmetic", id="add"):
            gr.Markdown("A + strength (C - B), on codes. Each is the sample of a seed, or an image that you upload.")
            with gr.Row():
                ups = [upload(gr, f"{letter} (optional)") for letter in "ABC"]
            with gr.Row():
                seeds = [gr.Number(i, label=f"Seed of {letter}", precision=0) for i, letter in enumerate("ABC")]
                strength = gr.Slider(-2, 2, 1, step=0.1, label="Strength")
            add = gr.Button("Add", variant="primary")
            total = picture(gr, "Sum")
            when(
                add.click,
                lambda name, a, b, c, i, j, k, s: models.open(name).add(a, b, c, (i, j, k), s),
                [model, *ups, *seeds, strength],
                total,
            )
        with gr.Tab("Discriminate", id="discriminate"):
            row = _image_and_others(gr, "Your image (optional)", "Real images", "Compute the logit")
            given, real, discriminate, column = row
            with column:
                words = gr.Textbox(label="Logit of your image", interactive=False, lines=2)
            logits = picture(gr, "Logits of real and generated images")
            when(
                discriminate.click,
                lambda name, up, on: models.open(name).discriminate(up, on),
                [model, given, real],
                [words, logits],
            )


def _image_and_others(gr: Any, image: str, others: str, press: str) -> tuple[Any, Any, Any, Any]:
    """An upload, the images that it is compared with, the button, and the column that has these two."""
    with gr.Row():
        given = upload(gr, image)
        with gr.Column() as column:
            among = gr.Textbox(label=others, info="A data set's name or a folder; else what it was trained on")
            button = gr.Button(press, variant="primary")
    return given, among, button, column
