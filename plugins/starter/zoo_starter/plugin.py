"""The components of zoo-starter: three data sets, a feature space, and the registry of its releases. Imports no
torch."""

from __future__ import annotations

from pathlib import Path

from zoo.plugin import Component, hook

ZOO_API = 2

_NO_SETTINGS = "zoo_starter.config:DatasetConfig"


@hook
def zoo_components() -> list[Component]:
    """Three data sets, and a feature space for metrics."""
    return [
        Component(
            "dataset",
            "mnist5k",
            "zoo_starter.datasets:mnist5k",
            _NO_SETTINGS,
            "5,000 handwritten digits, grey, 28 px padded to 32 (CC-BY-SA-3.0)",
        ),
        Component(
            "dataset",
            "glyphs-sans32",
            "zoo_starter.datasets:glyphs_sans32",
            _NO_SETTINGS,
            "16,278 letters and digits of sans-serif typefaces, grey, 32 px (OFL-1.1 AND Apache-2.0)",
        ),
        Component(
            "dataset",
            "emoji-noto64",
            "zoo_starter.datasets:emoji_noto64",
            _NO_SETTINGS,
            "1,631 emoji on white, RGB, 64 px (Apache-2.0)",
        ),
        Component(
            "metric",
            "judge",
            "zoo_starter.judge:Judge",
            "zoo_starter.config:JudgeConfig",
            "128 features of a small classifier of digits, glyphs and emoji, for KID and FID",
        ),
    ]


@hook
def zoo_registries() -> list[Path]:
    """The registry of the releases that come with this package."""
    return [Path(__file__).parent / "registry.toml"]
