"""What the pages compute, without a browser: `tests/test_browser.py` clicks through them."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import pytest
import torch
from helpers import autoencoder, released
from PIL import Image
from zoo_ui import space
from zoo_ui.app import launch
from zoo_ui.comparison import compare, runs_below, summary_of
from zoo_ui.folders import Folders
from zoo_ui.jobs import Jobs
from zoo_ui.loaded_model import EACH, LoadedModel
from zoo_ui.models import ModelCache

import zoo
from zoo.data.pixels import to_uint8
from zoo.errors import ConfigError, IntegrityError
from zoo.training.run_dir import autoencoder_run_dir
from zoo.training.summary import summarise
from zoo.types import Condition, DataSpec, PartSpec


@pytest.fixture
def model(tmp_path: Path, images_file: Path) -> LoadedModel:
    return LoadedModel.open(str(released(tmp_path / "release")), Folders((tmp_path, images_file.parent)))


def test_a_seed_gives_the_same_sheet_and_another_one_another(model: LoadedModel) -> None:
    assert model.sample(16, 0).tobytes() == model.sample(16, 0).tobytes()
    assert model.sample(16, 0).tobytes() != model.sample(16, 1).tobytes()


def test_truncation_pulls_codes_to_the_mean_and_one_changes_nothing(model: LoadedModel) -> None:
    assert model.gan is not None
    assert torch.equal(model.draw(32, 0, 1.0).codes, model.gan.draw(32, 0))
    spreads = [model.draw(256, 0, psi).codes.std().item() for psi in (1.0, 0.5, 0.0)]
    assert spreads[0] > 1.9 * spreads[1] > spreads[2]
    assert spreads[2] < 0.2


def test_a_walk_begins_and_ends_with_the_samples_of_its_seeds(model: LoadedModel) -> None:
    sheet = model.walk(0, 1, 5)
    ends = [model.pictures(model.draw(4, seed))[0] for seed in (0, 1)]
    tile = 8 * 6  # 8 px, six times enlarged, with gaps of 2
    for x, end in zip((2, 2 + 4 * (tile + 2)), ends, strict=True):
        shown = sheet.crop((x, 2, x + tile, 2 + tile)).resize((8, 8), Image.Resampling.NEAREST).convert("L")
        assert (
            list(shown.get_flattened_data() if hasattr(shown, "get_flattened_data") else shown.getdata())
            == end.flatten().tolist()
        )


def test_an_image_of_the_set_is_its_own_nearest_neighbour(model: LoadedModel, images_file: Path) -> None:
    images, codes = model._codes_of(str(images_file))
    assert torch.cdist(codes, codes).argmin(1).tolist() == list(range(len(images)))
    upload = Image.fromarray(images.pixels[3, 0].numpy())
    assert model.reconstruct(upload, str(images_file)).width > 100


def test_codes_that_cancel_leave_the_first(model: LoadedModel) -> None:
    same = model.add(None, None, None, (1, 2, 2))
    tiles = [
        same.crop((17 + i * (same.width - 17) // 4, 30, 17 + (i + 1) * (same.width - 17) // 4, same.height))
        for i in (0, 3)
    ]
    assert tiles[0].getextrema() == tiles[1].getextrema()


def test_the_discriminators_word_is_its_mean_logit(model: LoadedModel, images_file: Path) -> None:
    upload = Image.new("RGB", (8, 8), "white")
    words, picture = model.discriminate(upload, str(images_file), n=16)
    assert model.gan is not None
    assert words.startswith(f"{model.gan.score(torch.ones(1, 1, 8, 8)).item():+.2f}")
    assert picture.width > 300


def test_a_gan_that_takes_classes_is_asked_for_them(images_file: Path) -> None:
    data = DataSpec((1, 8, 8), condition=Condition(("coat", "hat")))
    net = {"component": "dcgan", "config": {"width": 4}}
    parts = PartSpec("class-embedding", {"generator": net}), PartSpec("class-projection", {"base": net})
    gan = zoo.gan(*parts, data=data, code_shape=4)
    torch.nn.init.normal_(gan.generator.embedding.weight)  # type: ignore[union-attr]
    torch.nn.init.normal_(gan.discriminator.embedding.weight)  # type: ignore[union-attr]
    model = LoadedModel("of classes", None, gan, str(images_file))
    assert model.classes == ("coat", "hat")
    hats = gan.sample(8, 3, classes="hat")
    assert torch.equal(model.pictures(model.draw(8, 3, asked="hat")), to_uint8(hats, data))
    assert model.sample(16, 0, asked=EACH).height > model.sample(16, 0, asked="hat").height
    assert model.walk(0, 1, 4, asked="coat").tobytes() != model.walk(0, 1, 4, asked="hat").tobytes()
    assert model.walk(0, 1, 4).size == model.walk(0, 1, 4, asked="hat").size
    assert model.add(None, None, None, (0, 1, 2)).width > 100
    words, _ = model.discriminate(Image.new("RGB", (8, 8), "white"), n=16)
    logits = [gan.score(torch.ones(1, 1, 8, 8), torch.tensor([number])).item() for number in (0, 1)]
    assert words.startswith(f"{max(logits):+.2f}")


def test_what_a_model_cannot_do_is_said(model: LoadedModel, images_file: Path, tmp_path: Path) -> None:
    zoo.train(autoencoder(), str(images_file), out=tmp_path / "run", images=8, training={"batch": 8})
    with pytest.raises(ConfigError, match="no image was given"):
        model.reconstruct(None)
    with pytest.raises(ConfigError, match="holds no discriminator"):
        LoadedModel.open(str(tmp_path / "run")).discriminate(Image.new("L", (8, 8)))


def test_a_changed_release_is_refused_and_a_locked_page_opens_nothing_else(tmp_path: Path) -> None:
    folder = released(tmp_path / "release")
    file = folder / "generator.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(IntegrityError, match="generator"):
        ModelCache(tmp_path, folders=Folders((tmp_path,))).open(str(folder))
    with pytest.raises(ConfigError, match="in none of the folders"):
        ModelCache(tmp_path).open(str(folder))
    locked = ModelCache(tmp_path, only="dcgan.glyphs-sans32")
    with pytest.raises(ConfigError, match="no model is called"):
        locked.open(str(folder))
    assert locked.names() == ["dcgan.glyphs-sans32"]


def test_runs_are_found_looked_at_and_compared(images_file: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        zoo.train(
            zoo.gan(like=autoencoder()),
            str(images_file),
            images=32,
            out=tmp_path / f"run{seed}",
            training={"batch": 16},
            seed=seed,
        )
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "recipe.toml").write_text("nothing = 1")
    (tmp_path / "broken" / "events.jsonl").write_text("")
    runs = runs_below(tmp_path)
    assert {run.name for run in runs} == {"run0", "run1", "broken"}
    summaries = [one for run in sorted(runs) if (one := summary_of(run)) is not None]
    assert [(one.state, one.shown, one.strategy) for one in summaries] == [("finished", 32, "scratch")] * 2
    page, kid, grids = compare(summaries)
    assert "run0" in page
    differing = page.partition("Where the recipes differ")[2]
    assert re.findall(r"<td[^>]*>(.*?)</td>", differing) == ["seed", "0", "1"]
    assert kid is None
    assert grids.width > 100


def test_a_space_holds_the_release_and_what_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "_gradio_version", lambda: "6.0.0")
    manifest = space.export("dcgan.glyphs-sans32", tmp_path / "space")
    files = {path.name for path in (tmp_path / "space").iterdir()}
    assert files == {"README.md", "app.py", "requirements.txt", "release"}
    assert zoo.load(tmp_path / "space" / "release").manifest == manifest
    wanted = (tmp_path / "space" / "requirements.txt").read_text().splitlines()
    assert {"aegan-zoo==0.1.0", "zoo-ui[app]==0.1.0", "zoo-dcgan==0.1.0"} <= set(wanted)
    compile((tmp_path / "space" / "app.py").read_text(), "app.py", "exec")
    with pytest.raises(ConfigError, match="already holds"):
        space.export("dcgan.glyphs-sans32", tmp_path / "space")


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="cannot be listened at: Address already in use"):
            launch(tmp_path, port=taken.getsockname()[1])


@pytest.mark.long
def test_resume_goes_on_with_an_autoencoder_that_was_stopped_while_it_learnt(images_file: Path, tmp_path: Path) -> None:
    """The GAN's folder holds no run yet: the command that began it is given again, and does the rest."""

    def until(state: str, folder: Path) -> None:
        end = time.monotonic() + 300
        while (seen := summary_of(folder, jobs.state(run))) is None or seen.state != state:
            assert time.monotonic() < end, jobs.log(run)
            time.sleep(0.2)

    jobs = Jobs(tmp_path / "runs", Folders((tmp_path, images_file.parent)))
    source = str(released(tmp_path / "release"))
    words = {"images": 8, "batch": 4, "seed": 0, "metric": "", "every": 1, "adapt": 10_000}
    run = jobs.transfer(source, str(images_file), "decoder-init", **words)
    until("running", autoencoder_run_dir(run))
    while not summarise(autoencoder_run_dir(run)).shown:
        time.sleep(0.05)
    jobs.stop(run)
    until("stopped", autoencoder_run_dir(run))
    assert summarise(autoencoder_run_dir(run)).shown < 10_000
    assert not (run / "recipe.toml").exists()
    jobs.resume(run)
    until("finished", run)
    assert summarise(autoencoder_run_dir(run)).shown == 10_000
    jobs.close()


@pytest.mark.long
def test_a_run_is_started_stopped_resumed_and_outlived_when_it_dies(images_file: Path, tmp_path: Path) -> None:
    def until(state: str) -> None:
        end = time.monotonic() + 300
        while (seen := summary_of(run, jobs.state(run))) is None or seen.state != state:
            assert time.monotonic() < end, jobs.log(run)
            time.sleep(0.2)

    jobs = Jobs(tmp_path / "runs", Folders((tmp_path, images_file.parent)))
    source = str(released(tmp_path / "release"))
    words = {"images": 400_000, "batch": 4, "seed": 0, "metric": "", "every": 1}
    run = jobs.transfer(source, str(images_file), "decoder-init", **words)
    until("running")
    jobs.stop(run)
    until("stopped")
    jobs.resume(run)
    until("running")
    jobs.started[run].process.kill()
    until("failed")
    with pytest.raises(ConfigError, match="not running"):
        jobs.stop(run)
    jobs.close()
