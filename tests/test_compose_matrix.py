"""Every encoder x generator x discriminator composes and takes a training step, or is refused with a reason.

`python tests/test_compose_matrix.py` writes docs/appendix/compose-matrix.md.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import torch

import zoo
from zoo import plugins
from zoo.config import settings_of
from zoo.data.images import ImageSet
from zoo.errors import CompositionError
from zoo.training.autoencoder import AutoencoderTrainer
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining, AutoencoderTraining
from zoo.transfers.plan import TransferPlan
from zoo.types import DataSpec, PartSpec

PAGE = Path(__file__).parents[1] / "docs" / "appendix" / "compose-matrix.md"
SHAPES = ((1, 32, 32), (3, 16, 16), (1, 28, 28), (12,))
SMALL = {
    "dcgan": {"width": 4},
    "mlp": {"widths": [8]},
    "r3gan": {"width": 4},
    "fastgan": {"width": 4},
    "timm": {"stages": [0, 1]},
}
MEMBERS = {"timm/*": ("timm/resnet10t", "timm/vit_tiny_patch16_224")}
"""The members that represent a family: one with convolutions and one with attention."""
LATENT = 4


def parts(kind: str) -> list[PartSpec]:
    """Every registered component of that kind at a small size; of a family its sample members."""
    found = []
    for registered in plugins.components(kind):
        required = {s.name for s in settings_of(plugins.config_class(registered)) if s.default == "required"}
        wraps = bool(required - ({"name"} if registered.component.names else set()))
        if (
            registered.plugin.distribution in plugins.BUNDLED and not wraps
        ):  # what wraps other parts, strategies compose
            names = MEMBERS.get(registered.id, (registered.id,))
            found += [PartSpec(name, SMALL.get(registered.plugin.name, {})) for name in names]
    return found


def images(data: DataSpec) -> ImageSet:
    rng = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (12, *data.shape), generator=rng, dtype=torch.uint8)
    return ImageSet("noise", data, pixels, None, torch.arange(8), torch.arange(8, 12), "CC0-1.0", "")


def autoencoder_step(encoder: PartSpec, generator: PartSpec, data: DataSpec) -> str:
    """`ok`, or why the two do not make an autoencoder."""
    try:
        model = zoo.autoencoder(encoder, generator, data=data, code_shape=LATENT)
    except CompositionError as refusal:
        return refusal.message
    trainer = AutoencoderTrainer(model, images(data), AutoencoderTraining(batch=4), 0)
    assert all(torch.isfinite(value) for value in trainer.step(torch.arange(4), 0).values())
    return "ok"


def gan_step(generator: PartSpec, discriminator: PartSpec, data: DataSpec) -> str:
    """`ok`, or why the two do not make a GAN."""
    try:
        model = zoo.gan(generator, discriminator, data=data, code_shape=LATENT)
    except CompositionError as refusal:
        return refusal.message
    trainer = GANTrainer(TransferPlan(model), images(data), AdversarialTraining(batch=4), 0)
    assert all(torch.isfinite(value) for value in trainer.step(torch.arange(4), 0).values())
    return "ok"


def rows() -> list[tuple[str, str, str, str, str]]:
    """(sample, encoder, generator, discriminator, what came of it), a training step of both models each.

    An autoencoder and a GAN share nothing but the generator's structure, so each pair is tried once.
    """
    discriminators = parts("discriminator") + parts("encoder")
    found = []
    for shape in SHAPES:
        data = DataSpec(shape)
        pairs = list(product(parts("encoder"), parts("generator")))
        halves = {(e.component, g.component): autoencoder_step(e, g, data) for e, g in pairs}
        others = {
            (g.component, d.component): gan_step(g, d, data) for g, d in product(parts("generator"), discriminators)
        }
        for (encoder, generator), discriminator in product(pairs, discriminators):
            one = halves[encoder.component, generator.component]
            two = others[generator.component, discriminator.component]
            result = "trains" if one == two == "ok" else f"refused: {one if one != 'ok' else two}"
            sample = " x ".join(map(str, shape))
            found.append((sample, encoder.component, generator.component, discriminator.component, result))
    return found


def page() -> str:
    """The document."""
    table = rows()
    trains = sum(row[-1] == "trains" for row in table)
    lines = [
        *("---", "search:", "  exclude: true", "---", ""),
        "# Combinations of networks",
        "",
        "*Generated page: `python tests/test_compose_matrix.py` writes it, and a test checks it.*",
        "",
        "This table has every combination of the bundled plugins' encoders, generators and discriminators, at small "
        f"sizes. {trains} of the {len(table)} combinations compose, and both models train a step. Zoo refuses the others "
        "when you compose them, with the reason given. Any encoder can be used as a discriminator. Two encoders "
        "represent the family of timm.",
        "",
        "| sample | encoder | generator | discriminator | result |",
        "|---|---|---|---|---|",
        *("| " + " | ".join(row) + " |" for row in table),
    ]
    return "\n".join(lines) + "\n"


def test_every_encoder_generator_and_discriminator_is_in_the_table() -> None:
    """None is left out in silence: each network that the bundled plugins offer has rows of its own."""
    named = [line.split(" | ")[1:4] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    columns = [set(column) for column in zip(*named, strict=True)]
    encoders = {"dcgan/dcgan", "mlp/mlp", "r3gan/r3gan", *MEMBERS["timm/*"]}
    assert encoders <= columns[0]
    assert {"dcgan/dcgan", "mlp/mlp", "r3gan/r3gan"} <= columns[1]
    assert encoders <= columns[2]


def test_every_combination_trains_a_step_or_is_refused_as_the_page_says() -> None:
    assert page() == PAGE.read_text("utf-8"), "write it again: python tests/test_compose_matrix.py"


if __name__ == "__main__":
    torch.set_num_threads(1)
    PAGE.write_text(page(), "utf-8")
