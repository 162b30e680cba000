"""First stages: images as codes, encoded once; GANs and autoencoders of codes; their runs, releases and pulls."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers import autoencoder as flat_autoencoder, states_equal

import zoo
from zoo.cli import zoo as command
from zoo.data.config import DataConfig
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.data.sizes import side_of
from zoo.encoding import codes as codes_module, store as store_module
from zoo.encoding.codes import encode_images
from zoo.encoding.first_stage import choose_size, for_images
from zoo.encoding.store import encoded_sets
from zoo.errors import CompositionError, ConfigError, IntegrityError, ReleaseError, RemoteError, StorageError
from zoo.networks.autoencoder import Autoencoder, FirstStage
from zoo.networks.resizing import resized
from zoo.training.api import open_run, resume, train
from zoo.training.recipe import recipe_from_plain
from zoo.training.recipe_plan import explain_recipe
from zoo.training.spaces import choose_space
from zoo.types import DataSpec, Event, PartSpec

SPATIAL = PartSpec("spatial", {"factor": 2, "width": 4})
SMALL = PartSpec("r3gan", {"width": 4})


def spatial(channels: int = 3, seed: int = 0) -> Autoencoder:
    """A tiny untrained autoencoder of 16 px images with codes (3, 8, 8)."""
    return zoo.autoencoder(SPATIAL, SPATIAL, shape=(channels, 16, 16), code_shape=(3, 8, 8), seed=seed).eval()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """60 colour images of 16 px, with a split."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:16, 0:16]
    centres = rng.uniform(4, 12, (60, 2, 1, 1))
    blobs = np.exp(-((rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2) / 9)
    colours = rng.uniform(80, 255, (60, 1, 1, 3))
    path = tmp_path / "photos.npz"
    np.savez(path, images=(blobs[..., None] * colours).astype(np.uint8), train=np.arange(60) < 48)
    return path


@pytest.fixture
def images(photos: Path) -> ImageSet:
    return open_images(photos)


def train_gan(stage: FirstStage, data: Path, out: Path, *, shown: int = 32) -> zoo.training.api.Run:  # type: ignore[name-defined]
    gan = zoo.gan(SMALL, SMALL, first_stage=stage, code_shape=5)
    return train(gan, data, out=out, images=shown, training={"batch": 8, "checkpoint_every": 16})


def test_codes_are_standardised_on_the_training_rows_and_decode_to_images(images: ImageSet) -> None:
    encoded, stage = encode_images(images, for_images(spatial(), images.spec))
    codes = encoded.batch(images.train)
    assert encoded.spec == stage.codes
    assert str(stage.codes) == "codes of shape [3, 8, 8] standardised"
    torch.testing.assert_close(codes.mean((0, 2, 3)), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(codes.std((0, 2, 3), unbiased=False), torch.ones(3), atol=1e-3, rtol=0)
    x = images.batch(images.train)
    torch.testing.assert_close(stage.encode(x), codes, atol=5e-3, rtol=5e-3)  # what is stored is float16
    torch.testing.assert_close(stage.decode(stage.encode(x)), stage.autoencoder.reconstruct(x), atol=1e-5, rtol=1e-4)


def test_grey_images_pass_through_a_colour_first_stage(photos: Path) -> None:
    stage = zoo.first_stage(spatial(), photos, grey=True)
    assert stage.images.shape == (1, 16, 16)
    assert stage.autoencoder.data.shape == (3, 16, 16)
    x = open_images(photos, like=stage.images).batch(torch.arange(4))
    in_colour = stage.autoencoder.reconstruct(x.expand(-1, 3, -1, -1)).mean(1, keepdim=True)
    torch.testing.assert_close(stage.decode(stage.encode(x)), in_colour, atol=1e-5, rtol=1e-4)


def test_the_same_weights_take_images_of_another_size() -> None:
    small = spatial()
    large = resized(small, 32, 24)
    assert (large.data.shape, large.code_shape) == ((3, 32, 24), (3, 16, 12))
    assert states_equal(small, large)
    assert resized(small, 16, 16) is small
    assert next(resized(spatial().to("meta"), 32, 24).parameters()).device.type == "meta"
    with pytest.raises(CompositionError, match="multiples of the first stage's factor 2"):
        resized(small, 31, 24)
    with pytest.raises(CompositionError, match="cannot take images of another size"):
        resized(flat_autoencoder(), 16, 16)
    fixed = zoo.autoencoder("dcgan", code_shape=(4, 4, 4), shape=(3, 16, 16))
    with pytest.raises(CompositionError, match="made for 16 x 16"):
        resized(fixed, 32, 32)


def test_flat_codes_are_no_first_stage(images: ImageSet) -> None:
    with pytest.raises(CompositionError, match="flat codes of 6 values is no first stage"):
        zoo.first_stage(flat_autoencoder(), images)


def test_images_are_encoded_once(images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = encode_images(images, for_images(spatial(), images.spec))

    def refuse(*_: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(Autoencoder, "encode", refuse)
    again, _ = encode_images(images, for_images(spatial(), images.spec))
    assert torch.equal(first.batch(images.train), again.batch(images.train))
    for other in (for_images(spatial(seed=1), images.spec), for_images(spatial(), images.spec, flip=True)):
        with pytest.raises(AssertionError, match="encoded again"):
            encode_images(images, other)
    with pytest.raises(AssertionError, match="encoded again"):
        encode_images(images.subset(torch.arange(30), "half"), for_images(spatial(), images.spec))


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few rows a file that 60 images make several files."""
    monkeypatch.setattr(store_module, "_CHUNK", 16)
    monkeypatch.setattr(store_module, "_FILE_BYTES", 1)


@pytest.mark.usefixtures("small_files")
def test_encoding_goes_on_where_it_was_killed(images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = for_images(spatial(), images.spec)
    whole, _ = encode_images(images, stage)
    expected = whole.batch(torch.arange(60))
    zoo.encoding.store.remove_encoded(encoded_sets())  # type: ignore[attr-defined]

    class Killed(BaseException):
        pass

    def kill_after_two_files(event: zoo.types.Event) -> None:  # type: ignore[name-defined]
        if event.shown > 32:
            raise Killed

    with pytest.raises(Killed):
        encode_images(images, stage, kill_after_two_files)
    assert [one.facts.whole for one in encoded_sets()] == [False]
    seen: list[int] = []
    resumed, _ = encode_images(images, stage, lambda event: seen.append(event.shown))
    assert seen == [48, 60]
    assert torch.equal(resumed.batch(torch.arange(60)), expected)


def test_what_goes_wrong_while_images_are_read_is_not_called_a_full_disk(images: ImageSet) -> None:
    def lose_the_network(_: Event) -> None:
        raise RemoteError("the Hub is gone")

    with pytest.raises(RemoteError, match="the Hub is gone"):
        encode_images(images, for_images(spatial(), images.spec), lose_the_network)


def test_a_cache_that_cannot_be_written_is_said(images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(images.config.source))  # a file
    with pytest.raises(StorageError, match="cannot write"):
        encode_images(images, for_images(spatial(), images.spec))


def test_encoding_waits_for_another_process_that_encodes_the_same_images(images: ImageSet) -> None:
    stage = for_images(spatial(), images.spec)
    encode_images(images, stage)
    with ThreadPoolExecutor(1) as pool, filelock.FileLock(encoded_sets()[0].folder / "lock") as lock:
        waiting = pool.submit(encode_images, images, stage)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=1)
        lock.release()
        assert len(waiting.result(timeout=60)[0]) == 60


ENCODE = """
import sys, torch
sys.path.insert(0, sys.argv[2])
from test_first_stage import spatial
from zoo.data.open import open_images
from zoo.encoding import store
from zoo.encoding.codes import encode_images
from zoo.encoding.first_stage import for_images
torch.set_num_threads(1)
store._CHUNK, store._FILE_BYTES = 16, 1
images = open_images(sys.argv[1])
encode_images(images, for_images(spatial(), images.spec), lambda event: print(event.shown, flush=True))
"""


@pytest.mark.usefixtures("small_files")
def test_a_process_that_is_killed_while_it_encodes_loses_one_file_at_most(
    images: ImageSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stage = for_images(spatial(), images.spec)
    expected = encode_images(images, stage)[0].batch(torch.arange(60))
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "killed"))
    words = [sys.executable, "-c", ENCODE, str(images.config.source), str(Path(__file__).parent)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        while int(child.stdout.readline()) < 48:
            pass
        child.kill()
    seen: list[int] = []
    again = encode_images(images, stage, lambda event: seen.append(event.shown))[0]
    assert torch.equal(again.batch(torch.arange(60)), expected)
    assert not seen or seen[0] >= 48


@pytest.mark.usefixtures("small_files")
def test_a_flipped_byte_in_the_cache_is_encoded_anew(images: ImageSet) -> None:
    stage = for_images(spatial(), images.spec)
    expected = encode_images(images, stage)[0].batch(torch.arange(60))
    path = encoded_sets()[0].folder / "codes-00001.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    seen: list[int] = []
    again = encode_images(images, stage, lambda event: seen.append(event.shown))[0]
    assert seen[0] == 32
    assert torch.equal(again.batch(torch.arange(60)), expected)


@pytest.mark.usefixtures("small_files")
def test_large_sets_are_read_from_the_cache(images: ImageSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stage = for_images(spatial(), images.spec)
    in_memory, scaled = encode_images(images, stage)
    run = train_gan(scaled, Path(images.config.source), tmp_path / "memory")
    monkeypatch.setattr(codes_module, "_IN_MEMORY", 0)
    streamed, _ = encode_images(images, stage)
    assert streamed.streamed
    rows = torch.tensor([7, 59, 0, 16])
    assert torch.equal(streamed.batch(rows), in_memory.batch(rows))
    assert torch.equal(streamed.subset(rows, "some").batch(torch.arange(4)), in_memory.batch(rows))
    again = train_gan(scaled, Path(images.config.source), tmp_path / "streamed")
    assert torch.equal(run.gan.sample(2), again.gan.sample(2))


def test_mirrored_copies_are_images_of_their_own(images: ImageSet) -> None:
    encoded, stage = encode_images(images, for_images(spatial(), images.spec, flip=True))
    assert len(encoded) == 60 + 48
    assert encoded.held_out.tolist() == images.held_out.tolist()
    mirrored = stage.encode(images.batch(images.train).flip(-1))
    torch.testing.assert_close(encoded.batch(encoded.train[48:]), mirrored, atol=5e-3, rtol=5e-3)


def test_codes_that_are_not_finite_are_refused(images: ImageSet) -> None:
    broken = spatial()
    with torch.no_grad():
        next(broken.bottleneck.parameters()).fill_(float("inf"))
    with pytest.raises(zoo.errors.DataError, match="not finite"):  # type: ignore[attr-defined]
        encode_images(images, for_images(broken, images.spec))


def test_the_size_is_the_largest_with_cheap_codes_that_nearly_all_images_have(tmp_path: Path) -> None:
    from PIL import Image

    for i, size in enumerate([(50, 41)] * 39 + [(9, 9)]):
        Image.new("RGB", size).save(tmp_path / f"{i}.png")
    config = DataConfig(str(tmp_path))
    assert side_of(config) == 41
    assert choose_size(spatial(), config) == 32
    assert side_of(DataConfig("mnist5k")) == 28
    for path in tmp_path.iterdir():
        path.unlink()
    Image.new("RGB", (1, 1)).save(tmp_path / "one.png")
    with pytest.raises(ConfigError, match="the first stage needs 2"):
        choose_size(spatial(), config)


def test_a_gan_of_codes_trains_samples_images_and_resumes_bit_for_bit(photos: Path, tmp_path: Path) -> None:
    stage = zoo.first_stage(spatial(), photos)
    run = train_gan(stage, photos, tmp_path / "run")
    assert run.gan.data == stage.codes
    assert run.gan.sample(3).shape == (3, 3, 16, 16)
    assert torch.equal(run.gan.sample(3), run.gan.to_output(run.gan.undecoded(3)))
    assert torch.equal(open_run(tmp_path / "run").gan.sample(3), run.gan.sample(3))
    train_gan(stage, photos, tmp_path / "short", shown=16)
    longer = resume(tmp_path / "short", override={"images": 32}, out=tmp_path / "longer")
    assert torch.equal(longer.gan.sample(3), run.gan.sample(3))
    assert (tmp_path / "run" / "samples" / "000000032.png").is_file() or list((tmp_path / "run").rglob("*.png"))


def test_a_run_refuses_another_first_stage_in_its_folder(photos: Path, tmp_path: Path) -> None:
    train_gan(zoo.first_stage(spatial(), photos), photos, tmp_path / "run")
    path = tmp_path / "run" / "first_stage.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(zoo.errors.TransferError, match="is not what the run began with"):  # type: ignore[attr-defined]
        open_run(tmp_path / "run")
    path.unlink()
    with pytest.raises(IntegrityError, match="is gone"):
        open_run(tmp_path / "run")


def test_an_autoencoder_of_codes_hands_its_layers_to_a_gan_of_codes(photos: Path, tmp_path: Path) -> None:
    stage = zoo.first_stage(spatial(), photos)
    second = zoo.autoencoder(SMALL, SMALL, first_stage=stage, code_shape=5)
    run = train(second, photos, out=tmp_path / "second", images=32, training={"batch": 8, "objective": "core/ae"})
    moved = zoo.transfer(run.autoencoder, data=run.samples, strategy="decoder-init+encoder-init+gaussian-prior")
    assert moved.gan.first_stage.same_codes(stage)
    done = train(moved, photos, out=tmp_path / "gan", images=16, training={"batch": 8})
    again = open_run(tmp_path / "gan")
    assert again.gan.output == stage.images
    assert again.autoencoder is not None
    assert again.autoencoder.first_stage.same_codes(stage)
    assert torch.equal(again.gan.sample(2), done.gan.sample(2))
    pair = done.release(tmp_path / "pair", license="MIT")
    assert pair.holds == ("autoencoder", "gan")
    loaded = zoo.load(tmp_path / "pair")
    x = run.images.batch(run.images.held_out[:2])
    rebuilt = loaded.autoencoder.to_output(loaded.autoencoder.reconstruct(loaded.autoencoder.from_output(x)))
    assert rebuilt.shape == x.shape


SAMPLES = """
import hashlib, sys, torch, zoo
torch.set_num_threads(1)
print(hashlib.sha256(zoo.load(sys.argv[1]).gan.sample(8, seed=0).numpy().tobytes()).hexdigest())
"""


def test_a_small_first_stage_is_contained_and_gives_the_same_samples_elsewhere(photos: Path, tmp_path: Path) -> None:
    import hashlib

    run = train_gan(zoo.first_stage(spatial(), photos), photos, tmp_path / "run")
    manifest = run.release(tmp_path / "release", license="MIT", name="r3gan.codes")
    assert manifest.first_stage is not None
    assert set(manifest.first_stage.parts) == {"encoder", "bottleneck", "decoder"}
    assert manifest.distributions == ("zoo-r3gan", "zoo-spatial")
    expected = hashlib.sha256(run.gan.sample(8, seed=0).numpy().tobytes()).hexdigest()
    child = [sys.executable, "-c", SAMPLES, str(tmp_path / "release")]
    elsewhere = subprocess.run(child, capture_output=True, text=True, check=True, timeout=300)
    assert elsewhere.stdout.strip() == expected
    verified = CliRunner().invoke(command, ["verify", str(tmp_path / "release")])
    assert "every test vector is reproduced" in verified.output
    card = (tmp_path / "release" / "README.md").read_text("utf-8")
    assert "## First stage" in card
    assert "images of shape `3 x 16 x 16`" in card


@pytest.fixture
def registered(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Releases a first stage under a licence that does not let others pass it on, and registers it."""

    def release(version: str) -> str:
        folder = tmp_path / f"stage-{version}"
        run = train(
            spatial(seed=int(version[0])), photos, out=tmp_path / f"ae-{version}", images=8, training={"batch": 8}
        )
        run.release(folder, license="GPL-3.0-only", name="spatial.stage", version=version)
        added = CliRunner().invoke(command, ["registry", "add", str(folder)])
        assert added.exit_code == 0, added.output
        return f"spatial.stage@{version}"

    return release


def test_another_licence_or_a_large_one_is_pinned_and_checked(
    registered: Callable[[str], str], photos: Path, tmp_path: Path
) -> None:
    stage = zoo.first_stage(registered("1.0.0"), photos)
    run = train_gan(stage, photos, tmp_path / "run")
    manifest = run.release(tmp_path / "release", license="GPL-3.0-only", name="r3gan.codes")
    assert manifest.first_stage is not None
    assert not manifest.first_stage.parts
    assert manifest.first_stage.source.name == "spatial.stage"
    assert torch.equal(zoo.load(tmp_path / "release").gan.sample(2), run.gan.sample(2))

    weights = tmp_path / "stage-1.0.0" / "decoder.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(IntegrityError):
        zoo.load(tmp_path / "release")
    weights.write_bytes(whole)
    for path in (tmp_path / "stage-1.0.0").iterdir():
        path.unlink()
    with pytest.raises(ReleaseError, match=r"the first stage of r3gan\.codes"):
        zoo.load(tmp_path / "release")


def test_a_first_stage_that_nobody_else_can_get_is_not_released(photos: Path, tmp_path: Path) -> None:
    run = train(spatial(), photos, out=tmp_path / "ae", images=8, training={"batch": 8})
    run.release(tmp_path / "stage", license="GPL-3.0-only", name="spatial.stage")
    latent = train_gan(zoo.first_stage(str(tmp_path / "stage"), photos), photos, tmp_path / "run")
    with pytest.raises(zoo.errors.ZooError, match="cannot be had"):  # type: ignore[attr-defined]
        latent.release(tmp_path / "release", license="GPL-3.0-only")


def test_auto_chooses_pixels_or_codes_and_says_why(photos: Path) -> None:
    config = DataConfig(str(photos))
    assert choose_space(flat_autoencoder(), config).space == "pixels"
    small = choose_space(spatial(), config)
    assert small.space == "pixels"
    assert "at 16 px a GAN of pixels is cheap" in small.reason
    lossy = choose_space(spatial(), DataConfig(str(photos), shape=(3, 64, 64)))
    assert lossy.space == "pixels"
    assert "variance" in lossy.reason


def test_transfer_from_a_first_stage_by_command(photos: Path, tmp_path: Path) -> None:
    run = train(spatial(), photos, out=tmp_path / "ae", images=8, training={"batch": 8})
    run.release(tmp_path / "stage", license="MIT", name="spatial.stage")
    source = ["transfer", str(tmp_path / "stage"), "--data", str(photos), "--space", "codes"]
    parts = ["--generator", "r3gan", "--discriminator", "r3gan", "--set", "generator.width=4"]
    parts += ["--set", "discriminator.width=4", "--batch", "8"]
    explained = CliRunner().invoke(command, [*source, *parts, "--images", "16", "--explain", "--json"])
    assert explained.exit_code == 0, explained.output
    facts = json.loads(explained.stdout)
    assert (facts["images"], facts["codes"], facts["factor"]) == ([3, 16, 16], [3, 8, 8], 2)
    assert facts["error"] > 0
    trained = CliRunner().invoke(command, [*source, *parts, "--images", "16", "--out", str(tmp_path / "run")])
    assert trained.exit_code == 0, trained.output
    listed = CliRunner().invoke(command, ["cache", "ls"])
    assert "codes of photos" in listed.output
    assert "whole" in listed.output
    sampled = CliRunner().invoke(command, ["sample", str(tmp_path / "run"), "-o", str(tmp_path / "samples.png")])
    assert sampled.exit_code == 0, sampled.output
    removed = CliRunner().invoke(command, ["cache", "rm", "encoded:", "--yes"])
    assert "Freed" in removed.output
    assert encoded_sets() == []
    second = [*source, *parts, "--images", "16", "--second-stage", "16", "--strategy", "decoder-init"]
    both = CliRunner().invoke(command, [*second, "--out", str(tmp_path / "both")])
    assert both.exit_code == 0, both.output
    refused = CliRunner().invoke(
        command, ["transfer", "dcgan.glyphs-sans32", "--data", "mnist5k", "--flip", "--explain"]
    )
    assert "pixels are better here" in str(refused.exception)
    refused = CliRunner().invoke(command, [*second, "--space", "pixels", "--out", str(tmp_path / "no")])
    assert "pixels were asked for" in str(refused.exception)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--space", "pixels", "--flip"], "pixels were asked for"),
        (["--space", "pixels", "--second-stage", "16"], "pixels were asked for"),
        (["--flip", "--adapt", "16"], "a first stage stays as it is"),
    ],
)
def test_options_of_codes_are_refused_where_they_would_do_nothing(options: list[str], why: str) -> None:
    words = ["transfer", "dcgan.glyphs-sans32", "--data", "mnist5k", "--explain", *options]
    assert why in str(CliRunner().invoke(command, words).exception)


def test_a_recipe_with_a_first_stage_runs_again(photos: Path, tmp_path: Path) -> None:
    run = train(spatial(), photos, out=tmp_path / "ae", images=8, training={"batch": 8})
    run.release(tmp_path / "stage", license="MIT", name="spatial.stage")
    CliRunner().invoke(command, ["registry", "add", str(tmp_path / "stage")])
    first = train_gan(zoo.first_stage("spatial.stage", photos), photos, tmp_path / "run")
    again = zoo.run_recipe(zoo.read_recipe(tmp_path / "run" / "recipe.toml"), tmp_path / "again")
    assert torch.equal(again.gan.gan.sample(2), first.gan.sample(2))


def test_explaining_a_recipe_of_codes_says_what_running_it_does(photos: Path, tmp_path: Path) -> None:
    run = train(spatial(), photos, out=tmp_path / "ae", images=8, training={"batch": 8})
    run.release(tmp_path / "stage", license="MIT", name="spatial.stage")
    part = {"component": "r3gan", "config": {"width": 4}}
    plain: dict[str, Any] = {
        "data": {"source": str(photos)},
        "first_stage": {"source": str(tmp_path / "stage")},
        "autoencoder": {"encoder": part, "decoder": part, "code_shape": 5, "training": {"images": 8, "batch": 8}},
        "gan": {"training": {"images": 8, "batch": 8}},
        "transfer": {"strategy": "decoder-init+encoder-init+gaussian-prior"},
    }
    both = zoo.run_recipe(recipe_from_plain(plain, "test"), tmp_path / "both")
    assert explain_recipe(recipe_from_plain(plain, "test")).plain() == both.gan.report

    source = both.autoencoder.folder
    plain |= {"transfer": {"source": str(source), "strategy": "auto"}, "first_stage": None, "autoencoder": None}
    explained = explain_recipe(recipe_from_plain(plain, "test"))
    moved = zoo.transfer(open_run(source).autoencoder, data=str(photos), strategy="auto")
    assert explained.notes == moved.report.notes
    assert explained.plain() == moved.report.plain()


def test_gans_of_other_codes_are_refused(photos: Path, tmp_path: Path) -> None:
    stage = zoo.first_stage(spatial(), photos)
    with pytest.raises(CompositionError, match="the first stage's codes are"):
        zoo.gan(SMALL, SMALL, first_stage=stage, shape=(3, 16, 16))
    gan = zoo.gan(SMALL, SMALL, first_stage=stage, code_shape=5)
    with pytest.raises(ConfigError, match="prepared as"):
        train(gan, open_images(photos, like=DataSpec((3, 8, 8))), out=tmp_path / "x", images=8)


def test_colours_of_codes_are_not_augmented(photos: Path, tmp_path: Path) -> None:
    """Refused with the reason before the autoencoder of the recipe is trained; what moves is allowed."""
    plain = {
        "data": {"source": str(photos)},
        "first_stage": {"source": "not opened"},
        "gan": {"training": {"augment": "colour+cutout"}},
    }
    with pytest.raises(ConfigError, match="the channels of a code are no colours"):
        zoo.run_recipe(recipe_from_plain(plain, "test"), tmp_path / "run")
    stage = zoo.first_stage(spatial(), photos)
    gan = zoo.gan(SMALL, SMALL, first_stage=stage, code_shape=5)
    training = {"batch": 8, "augment": "translation+cutout"}
    assert train(gan, photos, out=tmp_path / "moved", images=16, training=training).shown == 16
    with pytest.raises(ConfigError, match="no colours"):
        train(gan, photos, out=tmp_path / "colour", images=16, training={"augment": "colour"})
