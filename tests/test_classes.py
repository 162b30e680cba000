"""A GAN that takes a class: by a prior for each class, an embedding in G, a projection in D; and the commands."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers import states_equal
from PIL import Image
from small_transfers import make_trainer, run

import zoo
from zoo.cli import zoo as command
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.errors import CompositionError, ConfigError, TransferError
from zoo.metrics.by_class import measure_classes
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.networks.interpolation import walk
from zoo.training.api import Run, train
from zoo.types import Condition, DataSpec, PartSpec

SMALL = PartSpec("dcgan", {"width": 8})
ALL = "decoder-init+encoder-init+class-prior+class-embedding+class-projection"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 images of 8 px: the upper half is bright (class up), or the lower half (down), or all (full, 12 images)."""
    rng = np.random.default_rng(0)
    labels = np.array([0] * 100 + [1] * 128 + [2] * 12)
    images = rng.integers(0, 60, (240, 8, 8), np.uint8)
    images[labels != 1, :4] += 150
    images[labels != 0, 4:] += 150
    order = rng.permutation(240)
    path = tmp_path_factory.mktemp("data") / "halves.npz"
    classes = np.array(["up", "down", "full"])
    np.savez(path, images=images[order], labels=labels[order], train=order % 5 > 0, classes=classes)
    return path


@pytest.fixture(scope="module")
def images(file: Path) -> ImageSet:
    return open_images(file)


@pytest.fixture(scope="module")
def source_run(images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An autoencoder's run on the images."""
    model = zoo.autoencoder(SMALL, SMALL, shape=(1, 8, 8), code_shape=8)
    out = tmp_path_factory.mktemp("runs") / "ae"
    return train(model, images, out=out, images=9_600, training={"batch": 32, "objective": "core/ae"})


@pytest.fixture(scope="module")
def source(source_run: Run) -> Autoencoder:
    """The autoencoder."""
    assert source_run.autoencoder is not None
    return source_run.autoencoder


def transferred(source: Autoencoder, images: ImageSet, strategy: str) -> zoo.transfers.apply.TransferResult:  # type: ignore[name-defined]
    return zoo.transfer(source, zoo.gan(like=source, data=images.spec, seed=1), strategy, data=images)


def seen(samples: torch.Tensor) -> torch.Tensor:
    """The class (N,) of each sample: where it is bright."""
    upper, lower = samples[..., :4, :].mean((1, 2, 3)) > -0.3, samples[..., 4:, :].mean((1, 2, 3)) > -0.3
    return torch.where(upper & lower, 2, torch.where(upper, 0, 1))


def test_names_of_classes_in_an_npz_are_read(images: ImageSet) -> None:
    assert images.spec.condition is not None
    assert images.spec.condition.classes == ("up", "down", "full")


def test_a_prior_of_each_class_gives_that_class_without_another_network(source: Autoencoder, images: ImageSet) -> None:
    gan = transferred(source, images, "decoder-init+class-prior").gan
    assert not getattr(gan.generator, "conditional", False)
    for number, name in enumerate(("up", "down", "full")):
        right = (seen(gan.sample(64, seed=2, classes=name)) == number).float().mean()
        assert right > 0.9, f"{right:.0%} of samples are {name}"


def test_the_prior_of_a_class_is_the_mean_and_covariance_of_its_codes(source: Autoencoder, images: ImageSet) -> None:
    """With few images it is nearer to the pooled covariance."""
    part = [PartSpec("class-prior", {"components": 1, "pooled": 50.0})]
    prior = transferred(source, images, part).gan.prior  # type: ignore[arg-type]
    labels = images.conditions(images.train)
    assert labels is not None
    codes = source.encode(images.batch(images.train)).double()
    groups = [codes[labels == number] for number in range(3)]
    pooled = sum(((group - group.mean(0)).T @ (group - group.mean(0)) for group in groups), torch.zeros(8, 8)) / len(
        codes
    )
    for number, group in enumerate(groups):
        own = (group - group.mean(0)).T @ (group - group.mean(0)) / len(group)
        expected = (len(group) * own + 50 * pooled) / (len(group) + 50) + 1e-4 * torch.eye(8)
        scale = prior.scales[number, 0].double()
        torch.testing.assert_close(prior.means[number, 0].double(), group.mean(0), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(scale @ scale.T, expected, atol=1e-5, rtol=1e-3)
        drawn = prior.sample(20_000, torch.Generator().manual_seed(0), torch.full((20_000,), number))
        torch.testing.assert_close(drawn.mean(0).double(), group.mean(0), atol=0.05, rtol=0.05)


def test_a_class_without_images_gets_the_codes_of_all(source: Autoencoder, images: ImageSet) -> None:
    assert images.spec.condition is not None
    kept = images.train[images.conditions(images.train) != 2]  # type: ignore[index]
    few = images.subset(torch.cat([kept, images.held_out]).sort().values, "few")
    prior = transferred(source, few, "class-prior").gan.prior
    codes = source.encode(few.batch(few.train)).double()
    torch.testing.assert_close(prior.means[2, 0].double(), codes.mean(0), atol=1e-5, rtol=1e-4)


def test_a_mixture_of_each_class_has_as_many_components_as_its_images_allow(
    source: Autoencoder, images: ImageSet
) -> None:
    part = [PartSpec("class-prior", {"components": 3, "least": 30})]
    prior = transferred(source, images, part).gan.prior  # type: ignore[arg-type]
    assert [int((weights > 0).sum()) for weights in prior.weights] == [2, 3, 1]
    torch.testing.assert_close(prior.weights.sum(1), torch.ones(3))


WRAPPED = ["class-embedding", "class-projection", "class-embedding+class-projection", "class-normalisation"]


@pytest.mark.parametrize("strategy", WRAPPED)
def test_before_training_the_wrapped_networks_are_those_inside(
    source: Autoencoder, images: ImageSet, strategy: str
) -> None:
    plain = transferred(source, images, "decoder-init+encoder-init").gan
    gan = transferred(source, images, f"decoder-init+encoder-init+{strategy}").gan
    z, condition = plain.draw(6), torch.arange(6) % 3
    torch.testing.assert_close(gan.generate(z, condition), plain.generate(z), atol=1e-6, rtol=1e-5)
    x = images.batch(images.train[:6])
    torch.testing.assert_close(gan.score(x, condition), plain.score(x), atol=1e-6, rtol=1e-5)


def test_a_generator_and_a_discriminator_that_take_a_class_learn_it(source: Autoencoder, images: ImageSet) -> None:
    """From N(0, I), which says nothing of the class."""
    result = transferred(source, images, "decoder-init+encoder-init+class-embedding+class-projection")
    before = (seen(result.gan.sample(96, classes=["up", "down", "full"] * 32)) == torch.arange(96) % 3).float().mean()
    trainer = make_trainer(result, images, images=9_600, generator_lr=0.005, discriminator_lr=0.005)
    run(trainer, images, 400)
    gan = trainer.averaged_gan()
    after = (seen(gan.sample(96, classes=["up", "down", "up"] * 32)) == torch.tensor([0, 1, 0] * 32)).float().mean()
    assert before < 0.6
    assert after > 0.8


@pytest.mark.parametrize("strategy", ["class-normalisation+class-projection", "class-embedding+class-auxiliary"])
def test_other_ways_of_taking_a_class_learn_it_too(source: Autoencoder, images: ImageSet, strategy: str) -> None:
    result = transferred(source, images, f"decoder-init+encoder-init+{strategy}")
    trainer = make_trainer(result, images, images=9_600, generator_lr=0.005, discriminator_lr=0.005)
    run(trainer, images, 400)
    asked = torch.tensor([0, 1] * 48)
    assert (seen(trainer.averaged_gan().sample(96, classes=asked)) == asked).float().mean() > 0.8


def test_the_norms_of_a_generator_are_set_by_class_alone(images: ImageSet) -> None:
    gan = zoo.gan(PartSpec("class-normalisation", {"generator": SMALL}), SMALL, data=images.spec, code_shape=8)
    with torch.no_grad():
        for embedding in gan.generator.embeddings:
            for vector in (embedding.weight[1].chunk(2)[0], embedding.weight[2].chunk(2)[1]):
                vector.normal_(std=0.1, generator=torch.Generator().manual_seed(0))
    z = gan.draw(4)
    plain = gan.generator.generator(z)
    first, second, third = (gan.generate(z, torch.full((4,), number)) for number in range(3))
    torch.testing.assert_close(first, plain.detach(), atol=1e-6, rtol=1e-5)
    assert (first - second).abs().mean() > 0.05, "by its gain"
    assert (first - third).abs().mean() > 0.05, "by its shift"
    mixed = gan.generate(z, torch.cat([torch.zeros(2), torch.ones(2)]).long())
    torch.testing.assert_close(mixed, torch.cat([first[:2], second[2:]]), atol=1e-5, rtol=1e-4)
    assert not any(part._forward_hooks for part in gan.generator.modules()), "they are gone after a pass"
    bare = PartSpec("dcgan", {"width": 8, "norm": "none"})
    with pytest.raises(CompositionError, match="has no normalisation"):
        zoo.gan(PartSpec("class-normalisation", {"generator": bare}), SMALL, data=images.spec, code_shape=8)


def test_naming_classes_is_the_mean_of_both_cross_entropies(source: Autoencoder, images: ImageSet) -> None:
    result = transferred(source, images, "class-embedding+class-auxiliary")
    trainer = make_trainer(result, images, images=96)
    by_d, for_g = (trainer.plan.losses[f"transfer/class-auxiliary/{side}"] for side in ("discriminator", "generator"))
    rows = images.train[:8]
    labels = images.conditions(rows)
    assert labels is not None
    gan, x = result.gan, images.batch(rows)
    real, fake = (gan.discriminator.discriminate(sample) for sample in (x, x.flip(0)))
    context = SimpleNamespace(real_output=real, fake_output=fake, condition=labels)
    errors = [
        torch.nn.functional.cross_entropy(by_d.head(output.stages[-1].flatten(2).mean(2)), labels)
        for output in (real, fake)
    ]
    torch.testing.assert_close(by_d(context), sum(errors) / 2)
    torch.testing.assert_close(for_g(context), errors[1])
    assert list(for_g.parameters()) == []
    with pytest.raises(CompositionError, match="this one has neither"):
        transferred(source, images, "decoder-init+class-auxiliary")


def test_truncation_moves_codes_to_the_mean_of_their_class(source: Autoencoder, images: ImageSet) -> None:
    prior = [PartSpec("class-prior", {"components": 1})]
    gan = transferred(source, images, prior).gan  # type: ignore[arg-type]
    classes = torch.tensor([0, 1, 2, 1])
    drawn, half, none = (gan.draw(4, 5, classes, truncation=t) for t in (1.0, 0.5, 0.0))
    torch.testing.assert_close(none, gan.prior.means[classes, 0], atol=0.1, rtol=0.1)
    torch.testing.assert_close(half, (drawn + none) / 2)
    assert torch.equal(none[1], none[3])
    assert torch.equal(drawn, gan.draw(4, 5, classes))
    assert torch.equal(gan.sample(4, 5, classes=classes, truncation=0.5), gan.generate(half))
    with pytest.raises(ConfigError, match="truncation 3 is not within 0 to 2"):
        gan.sample(4, truncation=3)


def test_balance_shows_every_class_equally_often(source: Autoencoder, images: ImageSet) -> None:
    result = transferred(source, images, ALL)
    labels = images.conditions(torch.arange(len(images)))
    assert labels is not None
    plain, balanced = (make_trainer(result, images, images=96, balance=balance) for balance in (False, True))
    assert torch.equal(plain.rows, images.train)
    counts = labels[balanced.rows].bincount()
    assert counts.tolist() == [int(labels[images.train].bincount().max())] * 3
    assert set(balanced.rows.tolist()) == set(images.train.tolist())
    with pytest.raises(ConfigError, match="balance is for images with classes"):
        make_trainer(zoo.transfer(source, strategy="scratch"), images.without_labels(), images=96, balance=True)


def test_a_balanced_run_continues_to_the_bit(source: Autoencoder, images: ImageSet, tmp_path: Path) -> None:
    def start(name: str, shown: int) -> Run:
        training = {"batch": 8, "checkpoint_every": 32, "balance": True}
        result = transferred(source, images, ALL)
        return train(result, images, out=tmp_path / name, images=shown, training=training)

    whole = start("whole", 64)
    start("half", 32)
    again = zoo.resume(tmp_path / "half", override={"images": 64}, out=tmp_path / "again")
    assert whole.gan is not None
    assert again.gan is not None
    assert states_equal(whole.gan, again.gan)


def test_attributes_are_taken_too(images: ImageSet) -> None:
    spec = DataSpec((1, 8, 8), condition=Condition(attributes=("brightness", "size")))
    embedded = PartSpec("class-embedding", {"generator": SMALL})
    gan = zoo.gan(embedded, PartSpec("class-projection", {"base": SMALL}), data=spec, code_shape=8)
    asked = torch.tensor([[0.5, 1.0], [0.0, 0.0]])
    assert gan.sample(2, classes=asked).shape == (2, 1, 8, 8)
    assert gan.score(torch.zeros(2, 1, 8, 8), asked).shape == (2,)
    source = zoo.autoencoder(SMALL, SMALL, shape=(1, 8, 8), code_shape=8)
    with pytest.raises(TransferError, match="the images have attributes"):
        zoo.transfers.apply.explain(source, zoo.gan(like=source, data=spec), "class-prior")


def test_a_gan_of_attributes_is_trained_released_and_asked_by_command(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    lines = ["file,bright,size"]
    for number in range(40):
        Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(tmp_path / "images" / f"{number}.png")
        lines.append(f"{number}.png,{'true' if number % 4 else 'false'},{number / 10}")
    (tmp_path / "table.csv").write_text("\n".join(lines))

    def cli(*words: object) -> str:
        done = CliRunner().invoke(command, [str(word) for word in words])
        return done.output if done.exit_code == 0 else str(done.exception)

    data = ("--data", tmp_path / "images", "--labels", tmp_path / "table.csv", "--shape", "1,8,8", "--images", 16)
    net = ("--generator", "dcgan", "--set", "generator.width=8", "--set", "batch=8")
    cli("train", "gan", "--by-class", *data, *net, "--out", tmp_path / "run")
    cli("release", tmp_path / "run", tmp_path / "release", "--license", "CC0-1.0", "--name", "dcgan.drawn")
    gan = loaded(tmp_path / "release")
    assert gan.condition is not None
    assert gan.condition.attributes == ("bright", "size")
    drawn = gan.conditions(2000)
    assert drawn is not None
    assert drawn[:, 0].mean() == pytest.approx(0.75, abs=0.05)
    assert 0 < drawn[:, 1].min() < 0.5 < 3.4 < drawn[:, 1].max() < 3.9, "neither the least nor the greatest"
    torch.nn.init.normal_(gan.generator.embedding.weight, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(*(gan.sample(1, classes=torch.tensor([[value, 1.0]])) for value in (0.0, 1.0)))
    for text, said in (
        ("bright=1", "s.npz"),
        ("brigth=1", "no attribute 'brigth'"),
        ("size=big", "'big' is not a number"),
    ):
        out = tmp_path / "s.npz"
        assert said in cli("sample", tmp_path / "release", "-n", 2, "--attribute", text, "-o", out)


@pytest.mark.parametrize("quantiles", [((0.0, 1.0),), ((0.0,), (0.0, 1.0)), ((math.nan,), (0.0,)), ((), ())])
def test_quantiles_that_do_not_fit_are_refused(quantiles: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ConfigError, match="quantiles do not fit 2 attributes"):
        Condition(attributes=("bright", "size"), quantiles=quantiles)


def test_seeds_differ_inside_the_wrapped_networks() -> None:
    spec = DataSpec((1, 8, 8), condition=Condition(("a", "b")))
    parts = PartSpec("class-embedding", {"generator": SMALL}), PartSpec("class-projection", {"base": SMALL})
    first, second, again = (zoo.gan(*parts, data=spec, code_shape=8, seed=seed) for seed in (0, 1, 0))
    assert states_equal(first, again)
    assert not torch.equal(first.generator.generator.first.weight, second.generator.generator.first.weight)
    assert not states_equal(first.discriminator.base, second.discriminator.base)


@pytest.mark.parametrize("strategy", ["class-prior", "class-embedding", "class-projection"])
def test_images_without_classes_are_refused_with_what_to_do(
    source: Autoencoder, images: ImageSet, strategy: str
) -> None:
    with pytest.raises(CompositionError, match="they have none") as refused:
        zoo.transfer(source, strategy=strategy, data=images.without_labels())
    assert "--labels table.csv" in refused.value.hint


@pytest.fixture(scope="module")
def release(source: Autoencoder, images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of a GAN that takes classes in every part."""
    folder = tmp_path_factory.mktemp("released")
    trained = train(transferred(source, images, ALL), images, out=folder / "run", images=64, training={"batch": 16})
    trained.release(folder / "release", license="CC0-1.0", name="dcgan.halves")
    return folder / "release"


def loaded(release: Path) -> GAN:
    gan = zoo.load(release).gan
    assert gan is not None
    return gan


def test_a_release_keeps_its_classes_and_its_samples(release: Path) -> None:
    gan, run = loaded(release), zoo.open_run(release.parent / "run")
    assert run.gan is not None
    assert gan.condition == run.gan.condition
    assert torch.equal(gan.sample(6, classes="down"), run.gan.sample(6, classes="down"))
    card = (release / "README.md").read_text("utf-8")
    assert 'pair.gan.sample(16, classes="up")' in card
    assert "one of 3 classes: `up`, `down`, `full`." in card
    with Image.open(release / "samples.png") as picture:
        assert picture.height > 3 * 48, "a row of each class"
        assert picture.width > 8 * 48
    longer = zoo.resume(release.parent / "run", override={"images": 96}, out=release.parent / "longer")
    assert longer.shown == 96


def test_samples_of_a_class_and_a_row_of_each_by_command(release: Path, tmp_path: Path) -> None:
    def sample(*words: str) -> str:
        done = CliRunner().invoke(command, ["sample", str(release), *words])
        return done.output if done.exit_code == 0 else str(done.exception)

    sample("--class", "down", "-n", "5", "-o", str(tmp_path / "a.npz"))
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["images"].shape == (5, 8, 8)
    sample("--class", "all", "-n", "4", "-o", str(tmp_path / "b.npz"))
    again = open_images(tmp_path / "b.npz")
    assert again.spec.condition is not None
    assert again.spec.condition.classes == ("up", "down", "full")
    assert again.labels is not None
    assert again.labels.bincount().tolist() == [4, 4, 4]
    sample("--class", "all", "-o", str(tmp_path / "c.png"))
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.height > picture.width / 2
    assert "there is no class 'dwon'" in sample("--class", "dwon", "-o", str(tmp_path / "d.png"))


def test_a_walk_goes_from_one_class_to_another(release: Path, tmp_path: Path) -> None:
    gan = loaded(release)
    with torch.no_grad():
        gan.generator.embedding.weight.normal_(generator=torch.Generator().manual_seed(0))
    path = walk(gan, 2, 5, classes=("up", "down")).view(2, 5, 1, 8, 8)
    prior = gan.draw(4, [(0, 0), (0, 2), (0, 1), (0, 3)], torch.tensor([0, 0, 1, 1]))
    torch.testing.assert_close(path[:, 0], gan.generate(prior[:2], torch.tensor([0, 0])), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(path[:, 4], gan.generate(prior[2:], torch.tensor([1, 1])), atol=1e-5, rtol=1e-4)
    steps = (path[:, 1:] - path[:, :-1]).abs().mean((0, 2, 3, 4))
    assert (steps > 0).all()
    assert walk(gan, 2, 3).shape == (6, 1, 8, 8)
    gan.generator.mixes_classes = False
    with pytest.raises(ConfigError, match="no shares of two"):
        walk(gan, 2, 5, classes=("up", "down"))
    words = ["interpolate", str(release), "--class", "up,down", "--rows", "2", "-o", str(tmp_path / "walk.png")]
    assert CliRunner().invoke(command, words).exit_code == 0


def test_samples_follow_the_shares_of_the_classes_if_none_is_asked_for(release: Path) -> None:
    gan = loaded(release)
    drawn = gan.conditions(2000, seed=0)
    assert drawn is not None
    shares = drawn.bincount(minlength=3) / 2000
    assert gan.condition is not None
    assert all(math.isclose(a, b, abs_tol=0.04) for a, b in zip(shares.tolist(), gan.condition.shares, strict=True))


def test_each_class_is_measured_and_so_is_what_a_classifier_learns(release: Path, images: ImageSet, file: Path) -> None:
    measured = measure_classes(loaded(release), images, Brightness(), 240)
    assert [(one.name, one.learnt, one.held_out) for one in measured.classes] == [
        (name, int((images.conditions(images.train) == i).sum()), int((images.conditions(images.held_out) == i).sum()))  # type: ignore[union-attr]
        for i, name in enumerate(("up", "down", "full"))
    ]
    assert measured.real_right == 1.0
    assert measured.right > 0.85
    assert measured.worst.right == min(one.right for one in measured.classes)
    assert min(measured.on_real) == 1.0
    assert min(measured.on_samples) > 0.9
    assert measured.classes[0].kid is not None
    assert measured.classes[2].recall is None, "too few images are held out"
    mislabelled = measure_classes(Swapped(loaded(release)), images, Brightness(), 240)  # type: ignore[arg-type]
    assert mislabelled.right < 0.4
    assert [one.leaks_to for one in mislabelled.classes] == ["down", "full", "up"]
    assert all(one.leaked > 0.5 and one.right + one.leaked <= 1.0001 for one in mislabelled.classes)
    assert max(mislabelled.on_samples) < 0.4
    with pytest.raises(ConfigError, match="takes no classes"):
        measure_classes(zoo.gan(SMALL, SMALL, data=images.spec, code_shape=8), images, Brightness(), 64)
    words = ["evaluate", str(release), "--data", str(file), "--by-class", "-n", "60"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    assert "learnt from samples alone" in done.output
    assert "worst:" in done.output


class Brightness:
    """A feature space: the means of both halves, and both again."""

    dim, sha256 = 4, "0" * 64

    def features(self, images: torch.Tensor) -> torch.Tensor:
        halves = torch.stack([images[..., :4, :].mean((1, 2, 3)), images[..., 4:, :].mean((1, 2, 3))], 1)
        return torch.cat([halves, halves.square()], 1)


class Swapped:
    """A GAN that gives the next class in place of the one that is asked for."""

    def __init__(self, gan: GAN) -> None:
        self.gan, self.condition = gan, gan.condition

    def sample(self, n: int, seed: int, *, classes: torch.Tensor) -> torch.Tensor:
        return self.gan.sample(n, seed, classes=(classes + 1) % 3)


def test_the_commands_make_a_gan_that_takes_classes(file: Path, source_run: Run, tmp_path: Path) -> None:
    def cli(*words: object) -> str:
        done = CliRunner().invoke(command, [str(word) for word in words])
        return done.output if done.exit_code == 0 else str(done.exception)

    data = ("--data", file, "--images", 16, "--batch", 8)
    shape = ("--shape", "1,8,8", "--generator", "dcgan", "--set", "generator.width=8")
    cli("train", "gan", "--by-class", *data, *shape, "--out", tmp_path / "scratch")
    source_run.release(tmp_path / "ae", license="CC0-1.0", name="dcgan.ae")
    cli("transfer", tmp_path / "ae", "--by-class", *data, "--out", tmp_path / "transferred")
    for name, taking in (("scratch", ("generator", "discriminator")), ("transferred", ("prior", "discriminator"))):
        gan = zoo.open_run(tmp_path / name).gan
        assert gan is not None
        assert gan.condition is not None
        assert gan.condition.classes == ("up", "down", "full")
        assert all(getattr(gan.parts[role], "conditional", False) for role in taking)
    chosen = {part.component for part in zoo.open_run(tmp_path / "transferred").recipe.transfer.strategies}  # type: ignore[union-attr]
    assert chosen >= {f"transfer/class-{name}" for name in ("prior", "projection", "auxiliary")}
    unknown = cli("train", "gan", "--balance", *data, *shape, "--out", tmp_path / "unknown")
    assert "balance is for" in unknown
    assert "they have none" in cli(
        "train", "gan", "--by-class", "--labels", "off", *data, *shape, "--out", tmp_path / "none"
    )
