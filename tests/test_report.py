"""Pictures and cards: right pixels, equal bytes for equal facts; no stranger's words become markup."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from zoo._utils.files import sha256_of
from zoo.data.grids import grid, labelled_grids, png_bytes
from zoo.errors import DataError
from zoo.release.card import card, hub_license
from zoo.release.manifest import (
    FileEntry,
    Lineage,
    Manifest,
    PartEntry,
    RecipeEntry,
    Sampling,
    manifest_bytes,
    parse_manifest,
)
from zoo.report.curves import curve
from zoo.types import DataSpec, Metric, Origin


def images(n: int, channels: int = 1, size: int = 28) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, channels, size, size), np.uint8)


# ---------------------------------------------------------------- grids


@pytest.mark.parametrize(("channels", "size", "factor"), [(1, 28, 2), (3, 28, 2), (3, 64, 1), (1, 32, 2), (3, 8, 6)])
def test_tiles_show_the_images_unsmoothed_and_at_least_48_pixels_wide(channels: int, size: int, factor: int) -> None:
    given = images(5, channels, size)
    sheet = np.asarray(grid(given, columns=3, gap=2))
    tile = size * factor
    assert tile >= 48
    assert sheet.shape == (2 * (tile + 2) + 2, 3 * (tile + 2) + 2, 3)
    for i in range(5):
        y, x = 2 + i // 3 * (tile + 2), 2 + i % 3 * (tile + 2)
        shown = sheet[y : y + tile : factor, x : x + tile : factor]
        expected = np.broadcast_to(given[i], (3, size, size)).transpose(1, 2, 0)
        assert np.array_equal(shown, expected)
    assert (sheet[-tile:, -tile:] == 255).all()  # the sixth place is empty


def test_torch_and_numpy_images_give_the_same_bytes() -> None:
    given = images(4)
    first = png_bytes(grid(given, 2, scale=1))
    assert first == png_bytes(grid(torch.from_numpy(given), 2, scale=1))
    assert Image.open(io.BytesIO(first)).size == (2 * 30 + 2, 2 * 30 + 2)
    assert b"tIME" not in first
    assert b"tEXt" not in first


@pytest.mark.parametrize(
    "wrong",
    [images(0), images(2).astype(np.float32), images(2)[0], images(2, 2), np.zeros((1, 1, 0, 4), np.uint8)],
)
def test_other_than_uint8_images_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(DataError):
        grid(wrong)


def test_captions_stand_above_their_grids_and_never_beside_them() -> None:
    """However long they are: the page is as wide as its grids, and grids keep all their pixels."""
    short = labelled_grids([("a", images(4)), ("b", images(4))], 2, across=1)
    long = labelled_grids([("a " * 60, images(4)), ("x" * 80, images(4))], 2, across=1)
    assert long.width == short.width
    assert long.height > short.height
    sheet = np.asarray(grid(images(4), 2))
    page = np.asarray(long)
    assert np.array_equal(page[-17 - sheet.shape[0] : -17, 17 : 17 + sheet.shape[1]], sheet)
    beside = labelled_grids([("a", images(4)), ("b", images(4))], 2)
    assert beside.width > beside.height / 2
    assert png_bytes(beside) == png_bytes(labelled_grids([("a", images(4)), ("b", images(4))], 2))
    with pytest.raises(DataError):
        labelled_grids([])


# ---------------------------------------------------------------- curves


def test_a_curve_is_a_picture_with_the_same_bytes_each_time() -> None:
    lines = {
        "scratch": [(1, 0.5, 0.4, 0.6), (100, 0.2, 0.1, 0.3)],
        "a $trange_{label}": [(1, 0.4), (100, 0.1)],
    }
    words = {"xlabel": "images shown", "ylabel": "KID", "title": "costs $5 or $6"}
    first = curve(lines, **words)
    assert first == curve(lines, **words)
    assert Image.open(io.BytesIO(first)).width > 800
    assert b"tIME" not in first
    assert first != curve(lines, **words, log=False)
    assert curve({"falls below zero": [(0, 1.0), (1, -1.0)]}, **words)
    assert curve({"one point": [(0, 1.0)]}, **words)


def test_every_line_is_drawn_even_where_all_end_at_one_point() -> None:
    """Each line added must change the picture, labels included."""
    words = {"xlabel": "x", "ylabel": "y", "title": "t"}
    pictures = [curve({f"line {k}": [(0, 1.0 + k), (1, 1.0)] for k in range(n)}, **words) for n in range(1, 9)]
    assert len(set(pictures)) == 8


@pytest.mark.parametrize("series", [{}, {"empty": []}])
def test_a_curve_of_nothing_is_refused(series: dict) -> None:
    with pytest.raises(DataError):
        curve(series, xlabel="x", ylabel="y", title="t")


# ---------------------------------------------------------------- cards

HOSTILE = "x | y\n\n---\n# Big <script>alert(1)</script> [click](javascript:x) `code` ![i](http://x) \u202egnp.exe"


def example(**changes: object) -> Manifest:
    parts = {
        role: PartEntry(
            role,
            f"dcgan/{role}",
            "zoo-dcgan==0.1.0",
            {"width": 32},
            f"{role}.safetensors",
            "0" * 64,
            9,
            1234567,
        )
        for role in ("encoder", "bottleneck", "decoder", "generator", "discriminator", "prior")
    }
    recipe = sha256_of(b"x")
    facts = {
        "name": "dcgan.mnist_5k",
        "version": "1.2.3",
        "license": "CC-BY-SA-3.0",
        "data": DataSpec((1, 32, 32)),
        "code_shape": (64,),
        "parts": parts,
        "sampling": Sampling(),
        "lineage": Lineage(
            "decoder-init+encoder-init",
            50_000,
            "b" * 64,
            Origin("dcgan.glyphs", "1.0.0", "sha256:" + "a" * 64),
            ({"net": "generator", "origin": "copied"}, {"net": "generator", "origin": "fresh"}),
        ),
        "recipe": RecipeEntry("recipe.toml", recipe),
        "files": {"recipe.toml": FileEntry(recipe, 1), "samples.png": FileEntry("2" * 64, 1)},
        "metrics": (
            Metric(
                "KID",
                0.041234,
                1000,
                900,
                "mnist5k",
                "held out",
                "judge/net@0123456789ab",
                0.001,
                (0.03, 0.05),
            ),
            Metric("FID", 12.5, 1000, 900, "mnist5k", "held out", "judge/net@0123456789ab"),
        ),
        "credits": ("The digits of LeCun and others",),
    }
    return Manifest(**{**facts, **changes})  # type: ignore[arg-type]


def front_matter(text: str) -> dict:
    _, head, _ = text.split("---\n", 2)
    return yaml.safe_load(head)


FACT_TAGS = ["sample_shape:1x32x32", "code_shape:64", "plugin:zoo-dcgan"]


def test_the_card_says_everything_that_a_reader_needs() -> None:
    text = card(example())
    head = front_matter(text)
    (figures,) = head.pop("model-index")
    assert head == {
        "license": "cc-by-sa-3.0",
        "library_name": "aegan-zoo",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["aegan-zoo", "gan", "autoencoder", *FACT_TAGS, "decoder-init", "encoder-init"],
    }
    (result,) = figures["results"]
    assert result["dataset"] == {"name": "mnist5k", "type": "mnist5k", "split": "held out"}
    assert [(one["type"], one["value"]) for one in result["metrics"]] == [("kid", 0.041234), ("fid", 12.5)]
    for words in (
        "![Samples of dcgan.mnist\\_5k](samples.png)",
        'zoo.load("dcgan.mnist_5k")',
        "zoo.json",
        "1,234,567",
        "| generator | `dcgan/generator` | `zoo-dcgan==0.1.0` |",
        "recipe.toml",
        "`decoder-init+encoder-init`",
        "`dcgan.glyphs` 1.0.0",
        "50,000",
        "1 copied, 1 fresh",
        "| KID | 0.04123 | 0.03 to 0.05 | 0.001 | 1,000 | 900 | mnist5k, held out |",
        "pip install aegan-zoo zoo-dcgan\n```",
        "| FID | 12.5 | not computed | not measured |",
        "The digits of LeCun and others",
        "`CC-BY-SA-3.0`",
    ):
        assert words in text


def test_a_card_installs_no_plugin_that_zoo_does_not_vouch_for() -> None:
    parts = {role: replace(part, plugin="evil-package==6.6.6") for role, part in example().parts.items()}
    text = card(example(parts=parts))
    assert "pip install aegan-zoo\n```" in text
    assert "It also needs `evil-package`, a plugin from elsewhere: see who made it before you install it." in text


def test_a_release_has_one_card_byte_for_byte() -> None:
    """Also after README.md itself was pinned, and after the manifest was written and read."""
    first = card(example())
    assert first == card(parse_manifest(manifest_bytes(example()), "zoo.json"))
    assert first == card(example(files={**example().files, "README.md": FileEntry("3" * 64, 1)}))
    assert "\n\n\n" not in first
    assert first.endswith("\n")


def test_an_autoencoder_alone_promises_no_gan() -> None:
    parts = {role: part for role, part in example().parts.items() if role in ("encoder", "bottleneck", "decoder")}
    text = card(example(parts=parts, sampling=None, lineage=None, recipe=None, metrics=(), files={}, credits=()))
    assert "pipeline_tag" not in front_matter(text)
    assert front_matter(text)["tags"] == ["aegan-zoo", "autoencoder", *FACT_TAGS]
    for absent in ("pair.gan", "samples.png", "## Training", "## Figures", "Samples are drawn"):
        assert absent not in text


def test_the_code_of_the_card_is_python() -> None:
    for code in re.findall(r"```python\n(.*?)```", card(example()), re.DOTALL):
        compile(code, "card", "exec")


def test_what_strangers_write_stays_text() -> None:
    """No HTML, link, picture, heading, table cell, front matter or reversed text comes out of a fact."""
    parts = {role: replace(part, config={"x": HOSTILE}) for role, part in example().parts.items()}
    metric = Metric(HOSTILE, 1.0, 1, 1, HOSTILE, HOSTILE, HOSTILE)
    lineage = Lineage(HOSTILE, 1, "b" * 64, None, ({"origin": HOSTILE},))
    text = card(example(parts=parts, metrics=(metric,), credits=(HOSTILE,), lineage=lineage))
    head, clean = front_matter(text), front_matter(card(example()))
    assert "\n" not in json.dumps(head.pop("model-index"), ensure_ascii=False).replace("\\n", "\n")
    clean.pop("model-index")
    assert head == clean | {"tags": ["aegan-zoo", "gan", "autoencoder", *FACT_TAGS]}
    lines = text.splitlines()
    assert sum(line == "---" for line in lines) == 2
    assert sum(line.startswith("# ") for line in lines) == 1
    assert "\u202e" not in text
    outside_code = re.sub(r"`[^`\n]*`", "", text.replace("\\`", ""))
    assert "<script" not in outside_code
    assert "](javascript" not in outside_code.replace("\\](", "")
    cells = [len(re.split(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")]
    assert sorted(set(cells)) == [7, 11]


@pytest.mark.parametrize(
    ("expression", "there"),
    [("Apache-2.0", "apache-2.0"), ("MIT OR Apache-2.0", "other"), ("LicenseRef-x", "other")],
)
def test_the_hub_gets_a_licence_id_that_it_knows(expression: str, there: str) -> None:
    assert hub_license(expression) == there
    head = front_matter(card(example(license=expression)))
    assert head["license"] == there
    assert head.get("license_name", expression) == expression
