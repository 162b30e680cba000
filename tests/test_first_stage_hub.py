"""A GAN of codes and its first stage on the Hub: pulled together, used offline, and what is said when one is gone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from loopback import cli, client, environment, hub, push

import zoo
from zoo.training.api import train
from zoo.types import PartSpec

SPATIAL = PartSpec("spatial", {"factor": 2, "width": 4})


def test_one_pull_brings_both_and_a_lost_first_stage_is_named(tmp_path: Path) -> None:
    photos = tmp_path / "photos.npz"
    np.savez(photos, images=np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3)).astype(np.uint8))
    stage = zoo.autoencoder(SPATIAL, SPATIAL, shape=(3, 16, 16), code_shape=(3, 8, 8))
    run = train(stage, photos, out=tmp_path / "ae", images=8, training={"batch": 8})
    run.release(tmp_path / "stage", license="GPL-3.0-only", name="spatial.stage")
    with hub(tmp_path / "store") as server:
        author = environment(server.url, tmp_path / "author")
        assert push(str(tmp_path / "stage"), "ann/stage", env=author).returncode == 0
        parts = ["--generator", "r3gan", "--discriminator", "r3gan", "--set", "generator.width=4"]
        parts += ["--set", "discriminator.width=4", "--batch", "8", "--images", "8", "--space", "codes"]
        made = cli(
            "transfer", "hub:ann/stage", "--data", str(photos), *parts, "--out", str(tmp_path / "run"), env=author
        )
        assert made.returncode == 0, made.stderr
        named = ["--license", "GPL-3.0-only", "--name", "r3gan.codes"]
        made = cli("release", str(tmp_path / "run"), str(tmp_path / "pair"), *named, env=author)
        assert made.returncode == 0, made.stderr
        assert push(str(tmp_path / "pair"), "ann/pair", env=author).returncode == 0

        user = environment(server.url, tmp_path / "user")
        pulled = cli("pull", "hub:ann/pair", env=user)
        assert pulled.returncode == 0, pulled.stderr
        assert (tmp_path / "user" / "hub" / "models--ann--stage").is_dir()
        offline = user | {"HF_HUB_OFFLINE": "1"}
        sampled = cli("sample", "hub:ann/pair", "-n", "4", "-o", str(tmp_path / "samples.npz"), env=offline)
        assert sampled.returncode == 0, sampled.stderr
        assert np.load(tmp_path / "samples.npz")["images"].shape == (4, 16, 16, 3)

        client("api.delete_repo('ann/stage'); result = 0", author)
        late = cli("pull", "hub:ann/pair", env=environment(server.url, tmp_path / "late"))
        assert late.returncode == 1
        assert "the first stage of r3gan.codes, spatial.stage 0.1.0 (hub:ann/stage@" in late.stderr
        assert "get it from its publisher" in late.stderr
