"""Values on the command line."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from helpers import released

from attack.arena import Action, Family
from attack.judge import PASSWORD, command

__all__ = ["VALUES"]

_VALUES = (
    "", " ", "-", "--", "-1", "0", "1", "2", "7", "100", "1e9", "0x10", "2147483648", "9223372036854775808", "9" * 60,
    "nan", "inf", "0.5", "true", "x", "X" * 3_000, "é", "😀", "a\nb", "\x1b[31m", "\u202e", "'", '"', "`id`", "$(id)",
    "*", "**/" * 500, "[", "[" * 3_000, "{a=" * 500, ".".join("a" * 3_000), "%s%n", "{}", "{0}", "..", "/proc/self",
    "/etc/passwd", "/dev/zero", "/dev/null", "~root", "dcgan", "dcgan.blobs@9.9.9", "mlp", "core/r1", "hub:org/name",
    "hub:../x", "hub:", "hf:x", "shards:/etc/*.tar", "shards:{0..9}", f"https://user:{PASSWORD}@127.0.0.1:1/r.toml",
    f"http://user:{PASSWORD}@localhost:1/r.toml", "file:///etc/passwd", "auto+auto", "+", "a=b=c", "=", "1,32,32",
    "1,8,8", "0,0,0", "1,99999,99999", "-1,-1,-1", "cuda:99", "cpu:x", "column:", "labels.csv", "class", "all", "0,1",
)  # fmt: skip
_TOO_MANY = ("0", "-1", "10000000000000000000", "9" * 60, "x", "nan", "")
_KEYS = (
    "batch",
    "seed",
    "x",
    "encoder.width",
    "generator.width",
    "generator.norm",
    "prior",
    "objective",
    "augment",
    "",
)
_OUT = ("-o", "{}/out.npz")
_SHORT = ("--images", "8", "--batch", "4")
_GAN = ("train", "gan", "--data", "{}/x.npz", "--generator", "dcgan", "--code-shape", "4")
_WORDS: tuple[tuple[str, ...], ...] = (
    ("V",),
    ("--registry", "V", "list"),
    ("list", "V"),
    ("list", "--fits", "V"),
    ("info", "V"),
    ("info", "V", "--component"),
    ("info", "dcgan", "--component", "--kind", "V"),
    ("components", "V"),
    ("verify", "V", "--files"),
    ("sample", "{}/release", "-n", "V", *_OUT),
    ("sample", "{}/release", "-n", "4", "--class", "V", *_OUT),
    ("sample", "{}/release", "-n", "4", "--seed", "V", *_OUT),
    ("sample", "{}/release", "-n", "4", "--device", "V", *_OUT),
    ("sample", "V", "-n", "4", *_OUT),
    ("encode", "{}/release", "--data", "V", *_OUT),
    ("encode", "{}/release", "--data", "{}/x.npz", "--size", "V", *_OUT),
    ("reconstruct", "{}/release", "--data", "{}/x.npz", "-n", "V", *_OUT),
    ("interpolate", "{}/release", "--rows", "V", *_OUT),
    ("interpolate", "{}/release", "--steps", "V", "--rows", "2", *_OUT),
    ("evaluate", "{}/release", "--data", "{}/x.npz", "--metric", "V"),
    ("evaluate", "{}/release", "--data", "{}/x.npz", "-n", "V", "--metric", "starter/judge"),
    ("transfer", "{}/release", "--data", "{}/x.npz", "--explain", "--strategy", "V"),
    ("transfer", "{}/release", "--data", "{}/x.npz", "--explain", "--generator", "V"),
    ("transfer", "{}/release", "--data", "{}/x.npz", "--explain", "--shape", "V"),
    ("transfer", "{}/release", "--data", "{}/x.npz", "--explain", "--further", "V"),
    ("transfer", "{}/release", "--data", "{}/x.npz", "--explain", "--set", "K=V"),
    ("transfer", "V", "--data", "{}/x.npz", "--explain"),
    ("transfer", "{}/release", "--data", "V", "--explain"),
    (*_GAN, "--images", "N", "--out", "{}/run"),
    (*_GAN, "--images", "8", "--batch", "N", "--out", "{}/run"),
    (*_GAN, "--images", "8", "--every", "N", "--out", "{}/run"),
    (*_GAN, *_SHORT, "--code-shape", "V", "--out", "{}/run"),
    (*_GAN, *_SHORT, "--discriminator", "V", "--out", "{}/run"),
    (*_GAN, *_SHORT, "--labels", "V", "--out", "{}/run"),
    (*_GAN, *_SHORT, "--track", "V", "--out", "{}/run"),
    ("registry", "add", "V", "--file", "{}/registry.toml"),
    ("registry", "check", "V"),
    ("cache", "rm", "V"),
    ("runs", "show", "V"),
    ("runs", "ls", "V"),
    ("resume", "V"),
    ("release", "V", "{}/made"),
    ("train", "V", "--out", "{}/run"),
    ("completion", "V"),
)  # fmt: skip


def _make(place: Path) -> None:
    released(place / "release")
    images = np.random.default_rng(0).integers(0, 256, (64, 8, 8), dtype=np.uint8)
    np.savez(place / "x.npz", images=images)


def _words(rng: random.Random) -> tuple[str, Action]:
    value, many, key = rng.choice(_VALUES), rng.choice(_TOO_MANY), rng.choice(_KEYS)
    replaced = {"V": value, "N": many, "K=V": f"{key}={value}"}
    words = [replaced.get(word, word) for word in rng.choice(_WORDS)]
    return str(words)[:200], command(*words)


VALUES = Family("values", _make, lambda place, rng: "values", _words, compared=False)
