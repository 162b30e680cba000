"""What follows from the papers' equations for single strategies, one property a test; docs/appendix/strategy-tests.md lists them
all."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import SHAPE, autoencoder, states_equal
from small_transfers import first_context, make_trainer, run, transfer
from torch import Tensor
from torch.nn.functional import softplus
from zoo_transfer.configs.losses import DenoisingFeaturesConfig
from zoo_transfer.configs.objectives import BEGANConfig
from zoo_transfer.denoising_features import fit_denoiser
from zoo_transfer.energy import BEGAN
from zoo_transfer.feature_distill import normalise_channels
from zoo_transfer.feature_moments import moments_of

import zoo
from zoo._utils.seeds import stream
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.losses.types import Side, StepContext
from zoo.networks.types import DiscriminatorOutput

both = pytest.mark.parametrize("arch", ["mlp", "dcgan"])

NORMALISED = {
    "mlp": {"component": "mlp", "config": {"widths": [8, 6], "norm": "batch"}},
    "dcgan": {"component": "dcgan", "config": {"width": 4, "norm": "batch"}},
}
WRAPPED = ["feature-concat", "projected-heads"]
TEACHERS = ["recon-anchor", "feature-moments", "feature-distill", "denoising-features", "latent-gan"]
BRIEF = {"batch": 8, "checkpoint_every": 99, "sample_every": 99}


@pytest.fixture
def images(images_file: Path) -> ImageSet:
    return open_images(str(images_file), shape=SHAPE)


@pytest.fixture
def larger(images_file: Path) -> ImageSet:
    return open_images(str(images_file), shape=(1, 16, 16))


# ---------------------------------------------------------------- decoder-init and its prior


@both
@pytest.mark.parametrize("strategy", ["decoder-init+encoder-init", "latent-gan", "energy", "projected-heads"])
def test_optimisers_begin_empty(strategy: str, arch: str, images: ImageSet) -> None:
    """No state of the autoencoder's Adam is transferred."""
    trainer = make_trainer(transfer(images, *strategy.split("+"), arch=arch), images)
    assert all(optimizer.adam for optimizer in trainer.optimizers.values())
    assert all(not optimizer.adam.state for optimizer in trainer.optimizers.values())


@both
@pytest.mark.parametrize(
    ("strategy", "settings"),
    [("gaussian-prior", {"fold": False}), ("gmm-prior", {"components": 3, "shrinkage": 0.0, "ridge": 1e-9})],
)
def test_a_fitted_prior_draws_the_codes_mean_and_covariance(
    strategy: str, settings: dict[str, Any], arch: str, images: ImageSet
) -> None:
    """Within 3 standard errors of 20,000 draws, every mean and covariance. Expectation-maximisation without shrinkage
    keeps the first two moments of what it was fitted to."""
    transferred = transfer(images, (strategy, settings), arch=arch, seed=2)
    codes = transferred.source.encode(images.batch(images.train)).double()
    samples = transferred.gan.prior.sample(20_000, stream(0, "test")).double()
    error = samples.std(0) / len(samples) ** 0.5
    assert ((samples.mean(0) - codes.mean(0)).abs() <= 3 * error).all()
    centred = samples - samples.mean(0)
    products = centred[:, :, None] * centred[:, None, :]
    expected = torch.cov(codes.T, correction=int(strategy == "gaussian-prior"))
    expected = expected + torch.eye(6) * (1e-4 if strategy == "gaussian-prior" else 0.0)
    assert ((products.mean(0) - expected).abs() <= 3 * products.std(0) / len(samples) ** 0.5).all()


# ---------------------------------------------------------------- the encoder as a trunk


@both
def test_a_wholly_frozen_trunk_is_a_linear_probe(arch: str, images: ImageSet) -> None:
    """With every stage frozen and G not trained, ten steps of D are ten steps of logistic regression on Enc(x)."""
    stages = len(autoencoder(arch).encoder.stage_channels)
    rest = ("decoder-init", {"warmup_images": 10_000, "warmup_accuracy": 1.0})
    transferred = transfer(images, rest, "encoder-init", ("freeze-lower", {"stages": stages}), arch=arch)
    trainer = make_trainer(transferred, images, objective="core/non-saturating", regulariser="none")
    probe = copy.deepcopy(transferred.gan.discriminator.head)
    learning = trainer.optimizers[Side.DISCRIMINATOR].adam.param_groups
    assert sum(w.numel() for group in learning for w in group["params"]) == sum(w.numel() for w in probe.parameters())
    adam = torch.optim.Adam(probe.parameters(), trainer.optimizers[Side.DISCRIMINATOR].lr, (0.0, 0.99))
    adam.param_groups[0]["betas"] = learning[0]["betas"]
    batches, codes = Batches(images.train, 8, stream(0, "data")), stream(0, "codes")
    encoder, gan = transferred.source.encoder, transferred.gan
    for _ in range(10):
        x = images.batch(batches.next())
        with torch.no_grad():
            real, fake = encoder(x), encoder(gan.generator(gan.prior.sample(8, codes)))
        adam.zero_grad()
        (softplus(-probe(real)).mean() + softplus(probe(fake)).mean()).backward()
        adam.step()
    run(trainer, images, 10)
    for name, weight in trainer.gan.discriminator.head.named_parameters():
        torch.testing.assert_close(weight, dict(probe.named_parameters())[name], rtol=1e-5, atol=1e-6)


@both
@pytest.mark.parametrize("stages", [0, 1, 2])
def test_the_number_of_weights_that_learn_falls_by_the_frozen_stages(stages: int, arch: str, larger: ImageSet) -> None:
    """dcgan of width 4 at 16 px: 4 (1 4^2 + 1) weights in the first stage, 8 (4 4^2 + 1) in the second; mlp: 5 (256 +
    1) and 3 (5 + 1)."""
    part = {"component": arch, "config": {"width": 4} if arch == "dcgan" else {"widths": [5, 3]}}
    source = zoo.autoencoder(part, part, shape=(1, 16, 16), code_shape=6)
    transferred = zoo.transfer(source, strategy=[{"component": "freeze-lower", "config": {"stages": stages}}])
    groups = make_trainer(transferred, larger).optimizers[Side.DISCRIMINATOR].adam.param_groups
    every = sum(w.numel() for w in transferred.gan.discriminator.parameters())
    sizes = (4 * (16 + 1), 8 * (4 * 16 + 1)) if arch == "dcgan" else (5 * (256 + 1), 3 * (5 + 1))
    assert sum(w.numel() for group in groups for w in group["params"]) == every - sum(sizes[:stages])


# ---------------------------------------------------------------- frozen features next to D's own


@both
@pytest.mark.parametrize("strategy", WRAPPED)
def test_the_generator_has_a_gradient_through_the_features_alone(strategy: str, arch: str, images: ImageSet) -> None:
    """With every weight of D's own zeroed, G's loss still has a gradient in G's weights."""
    transferred = transfer(images, strategy, arch=arch)
    with torch.no_grad():
        for weight in transferred.gan.discriminator.base.parameters():
            weight.zero_()
    trainer = make_trainer(transferred, images)
    loss = trainer.objective.g_loss(first_context(trainer, images))
    gradients = torch.autograd.grad(loss, list(transferred.gan.generator.parameters()))
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


@both
@pytest.mark.parametrize("strategy", [*WRAPPED, *TEACHERS])
def test_a_frozen_encoder_stays_in_eval_mode_after_train(strategy: str, arch: str, larger: ImageSet) -> None:
    """train() of D, of every loss and of the task leaves the encoder's and the denoiser's batch norm in eval mode."""
    source = zoo.autoencoder(NORMALISED[arch], NORMALISED[arch], shape=(1, 16, 16), code_shape=6)
    settings = {"steps": 2, "width": 8} if strategy == "denoising-features" else {}
    transferred = zoo.transfer(source, strategy=[{"component": strategy, "config": settings}], data=larger)
    discriminator, task = transferred.gan.discriminator, transferred.plan.task
    watched = [discriminator.encoder] if strategy in WRAPPED else []
    for module in (discriminator, *transferred.plan.losses.values(), *([task] if task is not None else [])):
        module.train()
        watched += [getattr(module, name) for name in ("teacher", "denoiser") if hasattr(module, name)]
    assert watched
    assert not any(deep.training for part in watched for deep in part.modules())


@both
@pytest.mark.parametrize("strategy", WRAPPED)
def test_a_gan_that_is_trained_on_keeps_its_frozen_features(
    strategy: str, arch: str, images: ImageSet, tmp_path: Path
) -> None:
    """Neither the encoder nor the projections are trained if a released GAN is trained again, without its transfer."""
    first = zoo.train(transfer(images, strategy, arch=arch), images, out=tmp_path / "first", images=16, training=BRIEF)
    first.release(tmp_path / "release", license="CC0-1.0", name="tiny.test")
    gan = zoo.load(tmp_path / "release").gan
    before = copy.deepcopy(gan.discriminator)
    again = zoo.train(gan, images, out=tmp_path / "again", images=32, training=BRIEF).gan.discriminator
    assert states_equal(again.encoder, before.encoder)
    assert not states_equal(again.base, before.base)
    if strategy == "projected-heads":
        assert states_equal(again.mixing, before.mixing)
        assert not states_equal(again.heads, before.heads)


# ---------------------------------------------------------------- added losses


@both
def test_a_faded_anchor_leaves_the_steps_of_decoder_init(arch: str, images: ImageSet) -> None:
    """Once its weight is 0, every step is bit for bit the one without it."""
    trainers = [
        make_trainer(transfer(images, *parts, arch=arch), images)
        for parts in (["decoder-init"], ["decoder-init", ("recon-anchor", {"images": 8})])
    ]
    for i in range(1, 6):
        for trainer in trainers:
            trainer.step(images.train[8 * i : 8 * i + 8], 8 * i)
    assert states_equal(trainers[0].gan, trainers[1].gan)


@both
def test_the_anchor_gives_the_generator_todays_codes(arch: str, images: ImageSet) -> None:
    """Bit for bit Enc(x) of the batch: no codes are cached."""
    transferred = transfer(images, "decoder-init", "recon-anchor", arch=arch)
    (auxiliary,) = transferred.plan.losses.values()
    context = first_context(make_trainer(transferred, images), images)
    given: list[Tensor] = []
    context.generate = lambda z: given.append(z) or context.real
    auxiliary(context)
    assert torch.equal(given[0], transferred.source.encode(context.real))


@both
def test_moments_of_real_images_come_nearer_with_the_batch_and_never_reach_d(arch: str, images: ImageSet) -> None:
    """The distance of real images to all of them falls with the batch's size; no weight of D has a gradient."""
    transferred = transfer(images, "feature-moments", arch=arch)
    (auxiliary,) = transferred.plan.losses.values()
    context = first_context(make_trainer(transferred, images), images)
    weights = list(transferred.gan.discriminator.parameters())
    gradients = torch.autograd.grad(copy.deepcopy(auxiliary)(context), [*weights, context.fake], allow_unused=True)
    assert gradients[-1] is not None
    assert all(gradient is None for gradient in gradients[:-1])
    x = images.batch(images.train)
    rng = torch.Generator().manual_seed(0)
    means = []
    for n in (4, 16, 64):
        distances = []
        for _ in range(20):
            context.fake = x[torch.randperm(len(x), generator=rng)[:n]]
            distances.append(copy.deepcopy(auxiliary)(context).item())
        means.append(sum(distances) / len(distances))
    assert means[0] > means[1] > means[2] > 0
    context.fake = x
    assert copy.deepcopy(auxiliary)(context).item() < 0.01 * means[2]


@both
def test_moments_are_those_of_two_passes_far_from_zero(arch: str, images: ImageSet) -> None:
    """A feature whose mean is a thousand of its deviations keeps its variance: sums are in float64."""
    encoder = autoencoder(arch).encoder
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.copy_(weight * 1e-3 if weight.dim() > 1 else weight + 1.0)
    x = images.batch(images.train)
    for (mean, variance), stage in zip(moments_of(encoder, x), encoder.features(x).stages, strict=True):
        values = stage.detach().double().numpy()
        two_pass = ((values - values.mean(0)) ** 2).mean(0)
        torch.testing.assert_close(mean.double(), torch.from_numpy(values.mean(0)), rtol=1e-6, atol=0)
        torch.testing.assert_close(variance.double(), torch.from_numpy(two_pass), rtol=1e-4, atol=1e-12)


@both
def test_the_denoisers_target_has_no_slope(arch: str, images: ImageSet) -> None:
    """The loss's gradient in a code is 2 (c - r(c)) / n: none of it goes through r."""
    transferred = transfer(images, ("denoising-features", {"steps": 3, "width": 8}), arch=arch)
    (auxiliary,) = transferred.plan.losses.values()
    trainer = make_trainer(transferred, images)
    code = torch.randn(8, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
    auxiliary.teacher.code = lambda x: auxiliary.denoiser.mean + auxiliary.denoiser.scale * code
    (gradient,) = torch.autograd.grad(auxiliary(first_context(trainer, images)), code)
    with torch.no_grad():
        expected = 2 * (code - auxiliary.denoiser(code)) / code.numel()
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)


def test_denoising_goes_up_the_log_density_of_a_known_mixture() -> None:
    """Codes of three clusters: a small step along r(c) - c raises the mixture's log-density, in the mean and for most
    codes."""
    rng = torch.Generator().manual_seed(0)
    centres = torch.tensor([[4.0, 0.0, 0.0], [-4.0, 2.0, 0.0], [0.0, -4.0, 4.0]])
    codes = centres[torch.randint(3, (2000,), generator=rng)] + 0.5 * torch.randn(2000, 3, generator=rng)
    denoiser = fit_denoiser(DenoisingFeaturesConfig(width=64, steps=400, noise=0.5), codes)
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(3)),
        torch.distributions.MultivariateNormal(centres, 0.25 * torch.eye(3).expand(3, 3, 3)),
    )
    noisy = denoiser.standardise(codes[:500])
    noisy = noisy + 0.5 * torch.randn(noisy.shape, generator=rng)
    with torch.no_grad():
        stepped = noisy + 0.1 * (denoiser(noisy) - noisy)
    before, after = (mixture.log_prob(denoiser.mean + denoiser.scale * c) for c in (noisy, stepped))
    assert after.mean() > before.mean()
    assert (after > before).double().mean() > 0.9


@both
def test_after_distillation_alone_the_discriminators_features_explain_the_encoders(arch: str, images: ImageSet) -> None:
    """R^2 of phi, at each place, regressed on D's stage rises where D learns from nothing else."""
    source = autoencoder(arch, seed=3)
    narrow = {"component": "mlp", "config": {"widths": [8, 6]}}  # a wide one explains all from the start
    gan = zoo.gan(like=source, seed=1, discriminator=narrow if arch == "mlp" else None)
    transferred = zoo.transfer(source, gan, "feature-distill")
    rate = 1e-2 if arch == "mlp" else 2e-3
    trainer = make_trainer(transferred, images, objective="core/wasserstein", regulariser="none", discriminator_lr=rate)
    trainer.objective.d_loss = lambda context: 0.0 * context.fake_output.logits.sum()
    x = images.batch(images.train)
    phi = normalise_channels(source.encoder.features(x).stages[-1].detach())

    def explained() -> float:
        with torch.no_grad():
            h = trainer.gan.discriminator.discriminate(x).stages[-1]
        return r_squared(*(m.movedim(1, -1).flatten(0, -2).double() for m in (h, phi)))

    before = explained()
    run(trainer, images, 60)
    assert explained() > before + 0.03


def r_squared(x: Tensor, y: Tensor) -> float:
    """The share of y's (N, .) variance that a linear map of x (N, .) explains."""
    x, y = x - x.mean(0), y - y.mean(0)
    return float(1 - (y - x @ torch.linalg.lstsq(x, y).solution).square().sum() / y.square().sum())


# ---------------------------------------------------------------- energy


@both
def test_the_energys_autoencoder_reconstructs_bit_for_bit(arch: str, images: ImageSet) -> None:
    transferred = transfer(images, "energy", arch=arch)
    discriminator, x = transferred.gan.discriminator.eval(), images.batch(images.train)
    again = discriminator.decoder(discriminator.bottleneck(discriminator.encoder.features(x).embedding).mean)
    assert torch.equal(again, transferred.source.reconstruct(x))


def test_begans_control_stays_within_0_and_1() -> None:
    """Fakes of no energy drive k to 1 and not beyond; fakes of much drive it to 0."""
    began = BEGAN(BEGANConfig(gamma=0.7, lambda_k=0.3))
    values = []
    for fake in [0.0] * 6 + [9.0] * 3:
        began.after_step(_judged(1.0, fake))
        values.append(began.k.item())
    assert values == sorted(values[:6]) + values[6:]
    assert max(values) == 1.0
    assert values[-1] == 0.0


def _judged(real: float, fake: float) -> StepContext:
    r, f = (torch.full((4, 1), -energy) for energy in (real, fake))
    none: Any = None
    return StepContext(
        real=r,
        fake=f,
        z=f,
        indices=none,
        shown=0,
        discriminate=none,
        generate=none,
        groups=(1,),
        fake_output=DiscriminatorOutput(f, ()),
        real_output=DiscriminatorOutput(r, ()),
    )


# ---------------------------------------------------------------- codes


@both
def test_a_latent_gan_destandardises_what_its_map_makes(arch: str, images: ImageSet) -> None:
    """G(e) == Dec(mean + scale g(e)) bit for bit, mean and scale those of the codes."""
    transferred = transfer(images, "latent-gan", arch=arch)
    generator, z = transferred.gan.generator.eval(), torch.randn(4, 6)
    codes = transferred.source.encode(images.batch(images.train))
    mean, scale = codes.mean(0), codes.std(0, unbiased=False)
    torch.testing.assert_close(generator.scale, scale)
    torch.testing.assert_close(generator.mean, mean)
    assert torch.equal(
        generator(z), transferred.source.eval().decoder(generator.mean + generator.scale * generator.mapper(z))
    )


# ---------------------------------------------------------------- paired seeds


@both
@pytest.mark.parametrize("strategy", [("decoder-init", {"warmup_images": 24, "warmup_accuracy": 1.0}), "recon-anchor"])
def test_an_untrained_side_does_not_change_the_augmentations(strategy: Any, arch: str, images: ImageSet) -> None:
    """The stream of the augmentation after five steps is that of scratch, though G rested for three of them."""
    streams = []
    for parts in (["scratch"], [strategy]):
        trainer = make_trainer(transfer(images, *parts, arch=arch), images, augment="colour+translation")
        run(trainer, images, 5)
        streams.append(trainer.streams["augmentation"].get_state())
    assert torch.equal(*streams)
