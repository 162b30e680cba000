"""One picture per contract, as SVG: on the left what a component is called with, on the right what it gives back.

`test_contracts.py` compares the calls with the base classes. Colours are legible on white and on black.
"""

from __future__ import annotations

from html import escape
from typing import NamedTuple

__all__ = ["CONTRACTS", "Call", "Contract", "contract_picture"]


class Call(NamedTuple):
    """A call of a component with its arguments, and what it returns; of an attribute, what it holds. In a line, two
    spaces end a name."""

    name: str
    given: tuple[str, ...]
    gives: tuple[str, ...]


class Contract(NamedTuple):
    """The base class in `zoo.plugin`, what builds a component, and its calls."""

    base: str
    built: str
    calls: tuple[Call, ...]


CONTRACTS = {
    "encoder": Contract(
        "Encoder",
        "encoder(config, data)",
        (
            Call(
                "features(x)",
                ("x  (N, *data.shape)",),
                ("embedding  (N, *embedding_shape)", "stages[i]  (N, stage_channels[i], ...), fine to coarse"),
            ),
        ),
    ),
    "bottleneck": Contract(
        "Bottleneck",
        "bottleneck(config, embedding_shape, code_shape)",
        (
            Call(
                "forward(embedding)",
                ("embedding  (N, *embedding_shape)",),
                ("mean  (N, *code_shape)", "logvar  of the same shape, or None"),
            ),
        ),
    ),
    "generator": Contract(
        "Generator",
        "generator(config, data, code_shape)",
        (
            Call(
                "forward(z, condition)",
                ("z  (N, *code_shape)", "condition  if conditional"),
                ("x  (N, *data.shape)", "in [data.low, data.high]"),
            ),
        ),
    ),
    "prior": Contract(
        "Prior",
        "prior(config, code_shape)",
        (
            Call(
                "sample(n, rng, condition)",
                ("n  a number of codes", "rng  a generator on the CPU", "condition  if conditional"),
                ("z  (n, *code_shape), float32",),
            ),
        ),
    ),
    "discriminator": Contract(
        "Discriminator",
        "discriminator(config, data)",
        (
            Call(
                "discriminate(x, condition)",
                ("x  (N, *data.shape)", "condition  if conditional"),
                ("logits  (N, sum(logit_groups)), higher is more real", "stages[i]  (N, c_i, ...), fine to coarse"),
            ),
        ),
    ),
    "strategy": Contract(
        "TransferStrategy",
        "transfer(config)",
        (
            Call(
                "plan(source, gan)",
                ("source  the autoencoder's structure", "gan  as earlier strategies left it"),
                ("TransferPlan  edits, frozen tensors,", "losses, task, schedules, phases, ..."),
            ),
            Call(
                "plan_from(source, further, gan)",
                ("further  the named further sources",),
                ("TransferPlan",),
            ),
            Call("noop_config()", (), ("the config that equals scratch, or None",)),
        ),
    ),
    "adversarial-objective": Contract(
        "AdversarialObjective",
        "objective(config)",
        (
            Call("d_loss(context)", ("context  real, fake, logits, stages",), ("D's loss, a scalar",)),
            Call("g_loss(context)", ("context  of G's step",), ("G's loss, a scalar",)),
            Call("after_step(context)", ("context  logits of the whole batch",), ("nothing: its buffers may change",)),
        ),
    ),
    "autoencoder-objective": Contract(
        "AutoencoderObjective",
        "objective(config)",
        (
            Call(
                "loss(autoencoder, x, rng, shown)",
                (
                    "autoencoder  in training mode",
                    "x  (N, *data.shape)",
                    "rng  a stream of the run",
                    "shown  images so far",
                ),
                ("total  a scalar", "parts  scalars by name, for the log"),
            ),
        ),
    ),
    "auxiliary-loss": Contract(
        "AuxiliaryLoss",
        "a strategy, in its plan",
        (
            Call("weight(shown)", ("shown  images so far",), ("the factor; at 0 it is not computed",)),
            Call("forward(context)", ("context  of its side's step",), ("a scalar",)),
        ),
    ),
    "regulariser": Contract(
        "Regulariser",
        "regulariser(config)",
        (
            Call(
                "penalty(context)",
                ("context  inputs with gradients",),
                ("a scalar, added to D's loss", "every interval steps, times interval"),
            ),
        ),
    ),
    "task": Contract(
        "GANTask",
        "a strategy, in its plan",
        (
            Call(
                "real(images, indices)",
                ("images  (N, *gan.data.shape)", "indices  their rows"),
                ("x  (N, *judges.shape)",),
            ),
            Call("fake(z, condition)", ("z  (N, *code_shape)", "condition  or None"), ("x  (N, *judges.shape)",)),
            Call(
                "discriminate(x, condition)",
                ("x  (N, *judges.shape)", "condition  or None"),
                ("logits  (N, sum(groups))", "stages[i]  (N, c_i, ...)"),
            ),
            Call("trained_modules(side)", ("side  generator or discriminator",), ("the modules that it trains",)),
        ),
    ),
    "dataset": Contract(
        "Dataset",
        "dataset(config)",
        (
            Call("images", (), ("uint8 (N, H, W) or (N, H, W, C)",)),
            Call("labels", (), ("(N,): a class of each row, or None",)),
            Call("train", (), ("bool (N,): the rows to learn from",)),
            Call("spec", (), ("DataSpec: how images are prepared",)),
            Call("license", (), ("an SPDX expression",)),
            Call("credit", (), ("the authors",)),
        ),
    ),
    "modality": Contract(
        "Modality",
        "modality(config)",
        (
            Call("read(path)", ("path  of a file",), ("Records: len, license, credit, notes",)),
            Call("fit(records, rows)", ("records", "rows  to learn from"), ("the config, plain data",)),
            Call("encode(records)", ("records  N of them",), ("samples  (N, width), float32",)),
            Call("rows(samples)", ("samples  (N, width)",), ("a header, and N rows of texts",)),
            Call("file(samples, suffix)", ("samples  (N, width)", "suffix  of `writes`"), ("the bytes of a file",)),
            Call("matches(samples, wanted)", ("samples  (N, width)", "wanted  conditions"), ("bool (N,)",)),
            Call(
                "figures(samples, real, train)",
                ("samples  (N, width)", "real  held-out ones", "train  learnt ones"),
                ("each figure with its floor",),
            ),
        ),
    ),
    "metric": Contract(
        "FeatureSpace",
        "metric(config)",
        (
            Call(
                "features(images)",
                ("images  (N, C, H, W) in [-1, 1]", "of any C, H and W"),
                ("(N, dim), float32",),
            ),
            Call("sha256", (), ("the digest of its weights",)),
        ),
    ),
    "autoencoder": Contract(
        "AutoencoderParts",
        "autoencoder(config, folder, shape)",
        (
            Call("specs", ("folder  JSON files and safetensors",), ("encoder, bottleneck, decoder  as components",)),
            Call("weights", (), ("the tensors of each of the three by name",)),
            Call("data", ("shape  of the images, or None",), ("what a sample is",)),
            Call("code_shape", (), ("the shape of a code",)),
        ),
    ),
}
"""In the order of the page."""

_INK, _FILL, _ARROW = "#6e7781", "#6e4fb0", "#bf6a02"
_LEFT, _BOX, _RIGHT, _WIDTH = 246, (284, 238), 560, 900
_LINE, _GAP, _HEAD = 17, 12, 30


def contract_picture(name: str) -> str:
    """The SVG of one contract."""
    contract = CONTRACTS[name]
    x, width = _BOX
    rows, y = [], 8 + _HEAD
    for call in contract.calls:
        height = _LINE * max(1, len(call.given), len(call.gives))
        rows.append(_row(call, y + height / 2))
        y += height + _GAP
    box = f'<rect x="{x}" y="4" width="{width}" height="{y - 4}" rx="7" fill="{_FILL}"/>'
    title = _text(x + width / 2, 24, contract.base, 14, "#ffffff", "middle", bold=True)
    built = _text(x + width / 2, y + 18, f"built by {contract.built}", 12, _INK, "middle")
    label = escape(f"The contract {name}: what it is called with and what it gives back")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 28}" width="{_WIDTH}" '
        f'font-family="sans-serif" role="img"><title>{label}</title>\n'
        + "\n".join([box, title, *rows, built])
        + "\n</svg>\n"
    )


def _row(call: Call, middle: float) -> str:
    x, width = _BOX
    parts = [_text(x + width / 2, middle + 4, call.name, 13, "#ffffff", "middle")]
    if call.given:
        parts += [_arrow(_LEFT + 6, x, middle), *_lines(call.given, middle, _LEFT, "end")]
    parts += [_arrow(x + width, _RIGHT - 6, middle), *_lines(call.gives, middle, _RIGHT, "start")]
    return "".join(parts)


def _lines(lines: tuple[str, ...], middle: float, x: float, anchor: str) -> list[str]:
    top = middle + 4 - _LINE * (len(lines) - 1) / 2
    return [_text(x, top + i * _LINE, line, 12, _INK, anchor) for i, line in enumerate(lines)]


def _arrow(start: float, end: float, y: float) -> str:
    return (
        f'<path d="M{start:.0f},{y:.1f} H{end - 7:.0f}" stroke="{_ARROW}" stroke-width="2"/>'
        f'<path d="M{end:.0f},{y:.1f} l-8,-4.5 v9 z" fill="{_ARROW}"/>'
    )


def _text(x: float, y: float, words: str, size: int, colour: str, anchor: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' * bold
    name, two_spaces, rest = words.partition("  ")
    written = f'<tspan font-weight="bold">{escape(name)}</tspan> {escape(rest)}' if two_spaces else escape(words)
    return f'<text x="{x:.0f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}>{written}</text>'
