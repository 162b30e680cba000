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
from zoo_ui.code_paths import on_map, on_walk
from zoo_ui.comparison import compare, runs_below, summary_of
from zoo_ui.folders import Folders
from zoo_ui.jobs import Jobs
from zoo_ui.loaded_model import LoadedModel
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


def test_a_seed_names_a_picture_whatever_is_drawn_with_it(model: LoadedModel) -> None:
    assert model.gan is not None
    many = model.samples(range(16))
    assert torch.equal(model.samples([5]), many[5:6])
    assert torch.equal(many[3:4], to_uint8(model.gan.sample(1, 3), model.data))
    assert not torch.equal(many[0], many[1])


def test_truncation_pulls_codes_to_the_mean_and_one_changes_nothing(model: LoadedModel) -> None:
    assert model.gan is not None
    assert torch.equal(model.draw(32, 0, 1.0).codes, model.gan.draw(32, 0))
    spreads = [model.draw(256, 0, psi).codes.std().item() for psi in (1.0, 0.5, 0.0)]
    assert spreads[0] > 1.9 * spreads[1] > spreads[2]
    assert spreads[2] < 0.2


def test_a_walk_passes_the_pictures_of_its_seeds(model: LoadedModel) -> None:
    ends = model.samples([0, 7, 3])
    there = model.walk([0, 7, 3], 5)
    assert len(there) == 11
    assert torch.equal(there[[0, 5, 10]], ends)
    around = model.walk([0, 7, 3], 5, closed=True)
    assert len(around) == 15
    assert torch.equal(around[:11], there)
    with pytest.raises(ConfigError, match="two pictures or more"):
        model.walk([0], 5)


def test_the_corners_of_a_map_are_the_pictures_of_its_seeds(model: LoadedModel) -> None:
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert torch.equal(model.map([4, 5, 6, 7], corners), model.samples([4, 5, 6, 7]))
    middle = torch.tensor([[0.5, 0.5]])
    assert torch.equal(model.plane(4, middle), model.samples([4]))
    assert not torch.equal(model.plane(4, torch.tensor([[1.0, 0.5]])), model.samples([4]))


def test_codes_on_the_way_are_as_long_as_those_at_the_ends() -> None:
    ends = torch.nn.functional.normalize(torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0)).flatten(1))
    ends = ends.view(4, 3, 2, 2)
    for blend in (on_map(ends, torch.rand(20, 2)), on_walk(ends, 7), on_walk(ends, 7, closed=True)):
        assert torch.allclose(blend.codes.flatten(1).norm(dim=1), torch.ones(len(blend.codes)), atol=1e-5)
        assert torch.allclose(blend.shares.sum(1), torch.ones(len(blend.codes)))


def test_no_strength_changes_nothing_and_a_direction_moves_the_code(model: LoadedModel) -> None:
    assert model.gan is not None
    assert torch.equal(model.edited(3, {}), model.samples([3]))
    assert torch.equal(model.edited(3, {("components", "1"): 0.0}), model.samples([3]))
    code = model.draw(1, [3]).codes + 2 * model.directions().vectors[0, 0]
    assert torch.equal(model.edited(3, {("components", "1"): 2.0}), to_uint8(model.gan.generate(code), model.data))
    with pytest.raises(ConfigError, match="there is no direction"):
        model.edited(3, {("components", "99"): 1.0})


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
    assert torch.equal(model.samples([3], asked="hat"), to_uint8(gan.sample(1, 3, classes="hat"), data))
    assert not torch.equal(model.walk([0, 1], 4, asked="coat"), model.walk([0, 1], 4, asked="hat"))
    assert model.walk([0, 1], 4).shape == model.walk([0, 1], 4, asked="hat").shape
    assert model.map([0, 1, 2, 3], torch.rand(5, 2)).shape == (5, 1, 8, 8)
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
    assert [card.name for card in locked.cards()] == ["dcgan.glyphs-sans32"]


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


def test_a_space_holds_the_release_and_what_runs_it(tmp_path: Path) -> None:
    manifest = space.export("dcgan.glyphs-sans32", tmp_path / "space")
    files = {path.name for path in (tmp_path / "space").iterdir()}
    assert files == {"Dockerfile", "README.md", "app.py", "requirements.txt", "release"}
    assert zoo.load(tmp_path / "space" / "release").manifest == manifest
    wanted = (tmp_path / "space" / "requirements.txt").read_text().splitlines()
    assert {"aegan-zoo==0.1.0", "zoo-ui==0.1.0", "zoo-dcgan==0.1.0"} <= set(wanted)
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
