"""What single strategies compute, written out by hand: the value of every added loss, of every wrapper and fit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import SHAPE, states_equal
from small_transfers import first_context, make_trainer, run, transfer
from torch import Tensor, nn
from torch.nn.functional import interpolate
from zoo_transfer.projected_heads import Mixing

import zoo
from zoo._utils.seeds import stream
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.losses.augmentation import augment, draw
from zoo.losses.types import Side
from zoo.networks.types import DiscriminatorOutput
from zoo.training.gan import GANTrainer
from zoo.types import DataSpec

both = pytest.mark.parametrize("arch", ["mlp", "dcgan"])


@pytest.fixture
def images(images_file: Path) -> ImageSet:
    return open_images(str(images_file), shape=SHAPE)


def loss_of(transferred: Any, name: str) -> Any:
    (loss,) = [loss for key, loss in transferred.plan.losses.items() if key.endswith(name)]
    return loss


def mean_square(a: Tensor, b: Tensor) -> float:
    return float(((a.detach().double() - b.detach().double()) ** 2).mean())


# ---------------------------------------------------------------- added losses


@both
def test_the_anchor_is_the_distance_in_all_stages_and_a_share_of_that_in_pixels(arch: str, images: ImageSet) -> None:
    """mean_l ||phi_l(x) - phi_l(G(Enc x))||^2 / n_l + 0.3 |x - G(Enc x)| / n, of a generator that is not the
    decoder."""
    transferred = transfer(images, ("recon-anchor", {"pixels": 0.3}), arch=arch)
    context, source = first_context(make_trainer(transferred, images), images), transferred.source
    again = transferred.gan.generator(source.encode(context.real))
    stages = [source.encoder.features(x).stages for x in (context.real, again)]
    distance = np.mean([mean_square(a, b) for a, b in zip(*stages, strict=True)])
    pixels = float((context.real - again).detach().abs().double().mean())
    assert loss_of(transferred, "anchor")(context).item() == pytest.approx(distance + 0.3 * pixels, rel=1e-5)


@both
def test_distillation_compares_all_stages_of_real_and_generated_images(arch: str, images: ImageSet) -> None:
    """mean over both batches and all stages of ||A h(x) - phi(x) / rms||^2 / n; the weight falls linearly to 0."""
    config = {"discriminator": 0.8, "images": 100, "generator": 0.6, "generator_images": 50}
    transferred = transfer(images, ("feature-distill", config), arch=arch)
    auxiliary, context = loss_of(transferred, "features"), first_context(make_trainer(transferred, images), images)
    distances = []
    for x in (context.real, context.fake):
        students, teachers = (
            transferred.gan.discriminator.discriminate(x).stages,
            transferred.source.encoder.features(x).stages,
        )
        for h, phi, adapter in zip(students, teachers, auxiliary.adapters, strict=True):
            adapted = torch.einsum("oc,nc...->no...", adapter.weight[:, :, 0], h)
            adapted = adapted + adapter.bias.view(1, -1, *[1] * (h.dim() - 2))
            scaled = phi / phi.square().mean(1, keepdim=True).sqrt()
            distances.append(mean_square(adapted, scaled))
    assert auxiliary(context).item() == pytest.approx(np.mean(distances), rel=1e-4)
    assert [round(auxiliary.weight(at), 6) for at in (0, 50, 100, 999)] == [0.8, 0.4, 0.0, 0.0]
    images_loss = loss_of(transferred, "images")
    code = transferred.source.encode(context.real)
    expected = (transferred.gan.generator(code) - transferred.source.decoder(code)).abs().mean().item()
    assert images_loss(context).item() == pytest.approx(expected, rel=1e-5)
    assert [round(images_loss.weight(at), 6) for at in (0, 25, 50, 999)] == [0.6, 0.3, 0.0, 0.0]


@both
def test_moments_follow_an_average_and_pull_by_the_newest_batch(arch: str, images: ImageSet) -> None:
    """Two batches by hand: the first is its own average, then m <- 0.6 m + 0.4 new; the gradient is that of the newest
    batch's moments in full, not 0.4 of it."""
    transferred = transfer(images, ("feature-moments", {"keep": 0.6}), arch=arch)
    auxiliary, trainer = loss_of(transferred, "moments"), make_trainer(transferred, images)
    encoder = transferred.source.encoder
    real = [s.detach() for s in encoder.features(images.batch(images.train)).stages]
    average: list[tuple[Tensor, Tensor]] = []
    for keep in (0.0, 0.6):
        context = first_context(trainer, images)
        x = (context.fake.detach() + 0.1 * keep).requires_grad_()
        context.fake = x
        moments = [(s.mean(0), ((s - s.mean(0)) ** 2).mean(0)) for s in encoder.features(x).stages]
        average = average or [(m.detach(), v.detach()) for m, v in moments]
        average = [
            (keep * a + (1 - keep) * m.detach(), keep * b + (1 - keep) * v.detach())
            for (a, b), (m, v) in zip(average, moments, strict=True)
        ]
        value, pull = 0.0, x.new_zeros(())
        for stage, (mean, variance), (m, v) in zip(real, average, moments, strict=True):
            wanted, spread = stage.mean(0), stage.var(0, unbiased=False)
            scale = spread + 1e-3 * spread.mean() + 1e-8
            value += float(((wanted - mean) ** 2 / scale).mean() + (((spread - variance) / scale) ** 2).mean())
            pull = pull - (2 * (wanted - mean) / scale * m).mean() - (2 * (spread - variance) / scale**2 * v).mean()
        loss = auxiliary(context)
        assert loss.item() == pytest.approx(value, rel=1e-3)
        gradient, expected = torch.autograd.grad(loss, x)[0], torch.autograd.grad(pull, x)[0]
        torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())


@both
def test_each_side_is_penalised_with_its_own_weight(arch: str, images: ImageSet) -> None:
    """l2-sp adds w_G ||theta_G - start||^2 to G's loss and w_D ||theta_D - start||^2 to D's, and nothing else."""
    transferred = transfer(images, "decoder-init", ("l2-sp", {"generator": 2e-3, "discriminator": 3e-3}), arch=arch)
    context = first_context(make_trainer(transferred, images), images)
    for side, strength in (("generator", 2e-3), ("discriminator", 3e-3)):
        auxiliary, net = loss_of(transferred, side), transferred.gan.parts[side]
        assert (auxiliary.side, auxiliary.weight(10**6)) == (Side(side), strength)
        before = copy.deepcopy(net)
        with torch.no_grad():
            for i, weight in enumerate(net.parameters()):
                weight += 0.01 * (i + 1)
        pairs = zip(net.parameters(), before.parameters(), strict=True)
        assert auxiliary(context).item() == pytest.approx(
            sum(float((a - b).detach().square().sum()) for a, b in pairs), rel=1e-4
        )
    transferred = transfer(images, ("ewc", {"weight": 5e-3, "samples": 4}), arch=arch)
    assert loss_of(transferred, "generator").weight(10**6) == 5e-3


# ---------------------------------------------------------------- wrappers


def test_scales_are_mixed_from_coarse_to_fine() -> None:
    """m_l = C_l phi_l + S_l * up(m_(l+1)), 1x1 and 3x3 convolutions without bias at their Kaiming start."""
    torch.manual_seed(0)
    mixing = Mixing([(5, 8, 8), (7, 4, 4)], 3)
    fine, coarse = torch.randn(2, 5, 8, 8), torch.randn(2, 7, 4, 4)
    low = torch.einsum("oc,nchw->nohw", mixing.across[1].weight[:, :, 0, 0], coarse)
    up = interpolate(low, (8, 8), mode="bilinear", align_corners=False)
    patches = torch.nn.functional.unfold(up, 3, padding=1).view(2, -1, 8, 8)
    high = torch.einsum("oc,nchw->nohw", mixing.across[0].weight[:, :, 0, 0], fine)
    high = high + torch.einsum("oc,nchw->nohw", mixing.down[0].weight.flatten(1), patches)
    mixed = mixing([fine, coarse])
    assert [tuple(part.shape) for part in mixed] == [(2, 3, 8, 8), (2, 6, 4, 4)]
    torch.testing.assert_close(mixed[0], high)
    torch.testing.assert_close(mixed[1], low)
    flat = Mixing([(4000,), (3000,)], 40)
    for layer, fan_in in ((flat.across[0], 4000), (flat.across[1], 3000), (flat.down[0], 80)):
        assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
    a, b = torch.randn(2, 4000), torch.randn(2, 3000)
    deep = b @ flat.across[1].weight.T
    torch.testing.assert_close(flat([a, b])[0], a @ flat.across[0].weight.T + deep @ flat.down[0].weight.T)


@both
def test_the_heads_logits_are_multiplied_by_the_strength(arch: str, images: ImageSet) -> None:
    """From the same seed twice the strength gives twice the heads' logits, and the base's as they were."""
    x = images.batch(images.train[:4])
    one, two = (
        transfer(images, ("projected-heads", {"strength": s, "channels": 4}), arch=arch)
        .gan.discriminator.eval()
        .discriminate(x)
        for s in (1.0, 2.0)
    )
    torch.testing.assert_close(two.logits[:, 1:], 2 * one.logits[:, 1:])
    assert torch.equal(two.logits[:, :1], one.logits[:, :1])


@both
def test_concatenated_features_are_those_of_the_last_stages(arch: str, images_file: Path) -> None:
    """D(x) = base(x) + a w^T mean over places of LeakyReLU(P phi(x)) + b, phi the encoder's last stage; P's norm is
    1."""
    part = {
        "component": arch,
        "config": {"width": 4, "max_width": 4} if arch == "dcgan" else {"widths": [8, 8]},
    }
    source = zoo.autoencoder(part, part, shape=(1, 16, 16), code_shape=6, seed=0)
    images = open_images(str(images_file), shape=(1, 16, 16))
    strategy = {"component": "feature-concat", "config": {"stages": 1, "strength": 0.7}}
    discriminator = zoo.transfer(source, strategy=[strategy], data=images).gan.discriminator.eval()
    x = images.batch(images.train[:5])
    stages = source.encoder.features(x).stages
    assert len({stage.shape[1] for stage in stages}) == 1
    (project,), last = discriminator.head.project, discriminator.head.last
    places = stages[-1].reshape(5, stages[-1].shape[1], -1)
    hidden = torch.einsum("oc,ncp->nop", project.weight[:, :, 0], places) + project.bias[None, :, None]
    pooled = torch.where(hidden > 0, hidden, 0.2 * hidden).mean(2)
    expected = discriminator.base.discriminate(x).logits + 0.7 * (pooled @ last.weight.T + last.bias)
    torch.testing.assert_close(discriminator.discriminate(x).logits, expected, rtol=1e-5, atol=1e-6)


@both
def test_a_miners_output_is_multiplied_by_its_strength(arch: str, images: ImageSet) -> None:
    """G(u + a M(u)), M a net of LeakyReLU layers."""
    generator = transfer(
        images, "decoder-init", ("miner", {"strength": 0.5, "widths": [5]}), arch=arch
    ).gan.generator.eval()
    with torch.no_grad():
        for weight in generator.miner.parameters():
            weight += 0.2
    u = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    first, last = (layer for layer in generator.miner if isinstance(layer, nn.Linear))
    hidden = u @ first.weight.T + first.bias
    mined = torch.where(hidden > 0, hidden, 0.2 * hidden) @ last.weight.T + last.bias
    torch.testing.assert_close(generator(u), generator.generator(u + 0.5 * mined))


@both
def test_statistics_are_means_over_batches_of_the_gans_own_prior(arch: str, images_file: Path) -> None:
    """The first norm's mean and variance are the plain means over all batches of what the fitted prior gives it."""
    size = {"width": 4} if arch == "dcgan" else {"widths": [8]}
    part = {"component": arch, "config": {**size, "norm": "batch"}}
    source = zoo.autoencoder(part, part, shape=SHAPE, code_shape=6, seed=0)
    with torch.no_grad():
        source.bottleneck.mean.bias += 3.0  # codes far from N(0, I)
        for _ in range(4):
            source.decoder.train()(torch.randn(8, 6))  # statistics of its own, which must not count
    prior = {"component": "gaussian-prior", "config": {"fold": False}}
    again = {"component": "recalibrated-norm", "config": {"batches": 5, "batch": 16}}
    images = open_images(str(images_file), shape=SHAPE)
    gan = zoo.transfer(source, strategy=["decoder-init", prior, again], data=images).gan
    rng = stream(0, "recalibrated-norm")
    means, variances = [], []
    for _ in range(5):
        h = gan.generator.first(gan.prior.sample(16, rng)).detach()
        h = h.view(16, -1, 4, 4) if arch == "dcgan" else h[:, :, None, None]
        means.append(h.mean((0, 2, 3)))
        variances.append(h.transpose(0, 1).flatten(1).var(1))
    norm = next(part for part in gan.generator.modules() if hasattr(part, "running_mean"))
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, torch.stack(variances).mean(0), rtol=1e-4, atol=1e-5)


@both
def test_the_average_starts_as_the_decoder(arch: str, images: ImageSet) -> None:
    """Before the first step it is the decoder; after it the mean of both by the half-life, which ramps up."""
    transferred = transfer(images, "decoder-init", arch=arch)
    trainer = make_trainer(transferred, images, ema_ramp=0.5, generator_lr=1e-2)
    assert states_equal(trainer.average.net, transferred.source.decoder)
    before = [weight.detach().clone() for weight in trainer.average.net.parameters()]
    run(trainer, images, 1)
    keep = 0.5 ** (8 / (0.5 * 8))
    for old, live, averaged in zip(
        before, transferred.gan.generator.parameters(), trainer.average.net.parameters(), strict=True
    ):
        torch.testing.assert_close(averaged, keep * old + (1 - keep) * live.detach(), rtol=1e-5, atol=1e-7)


# ---------------------------------------------------------------- codes and energies


@both
def test_the_generator_of_codes_is_trained_at_every_third_step_of_its_critic(arch: str, images: ImageSet) -> None:
    transferred = transfer(images, ("latent-gan", {"widths": [8], "critic_steps": 3}), arch=arch)
    trainer = make_trainer(transferred, images)
    steps = [trainer.step(images.train[:8], 8 * i) for i in range(6)]
    assert ["g_loss" in scalars for scalars in steps] == [True, False, False, True, False, False]
    assert all("d_loss" in scalars for scalars in steps)


@both
def test_the_critic_gets_standardised_codes(arch: str, images: ImageSet) -> None:
    """Real: (Enc x - mean) / deviation of the codes of all images; their mean is 0 and their variance 1."""
    transferred = transfer(images, "latent-gan", arch=arch)
    codes = transferred.source.encode(images.batch(images.train))
    real = transferred.plan.task.real(images.batch(images.train), images.train)
    expected = (codes - codes.mean(0)) / codes.std(0, unbiased=False)
    torch.testing.assert_close(real, expected, rtol=1e-4, atol=1e-5)
    assert transferred.plan.recipe["objective"] == "core/wasserstein"
    assert transferred.plan.recipe["regulariser"] == {"component": "core/gradient-penalty", "config": {"gamma": 10.0}}


@both
def test_ebgan_pulls_the_generators_codes_apart_and_only_those(arch: str, images: ImageSet) -> None:
    """L_G = R(G(z)) + 0.3 PT, PT the mean squared cosine of all pairs of codes; L_D = R(x) + [m - R(G(z))]_+."""
    transferred = transfer(images, ("energy", {"pull_away": 0.3}), arch=arch)
    context, source = first_context(make_trainer(transferred, images), images), transferred.source
    codes = source.encode(context.fake.detach()).double()
    pairs = [(i, j) for i in range(8) for j in range(8) if i != j]
    away = np.mean([torch.cosine_similarity(codes[i], codes[j], 0).item() ** 2 for i, j in pairs])
    real, fake = (mean_square(x, source.reconstruct(x.detach())) for x in (context.real, context.fake))
    each = (context.fake - source.reconstruct(context.fake.detach())).detach().square().flatten(1).mean(1)
    objective = transferred.plan.objective
    assert objective.g_loss(context).item() == pytest.approx(fake + 0.3 * away, rel=1e-4)
    hinge = (objective.margin - each).relu().mean().item()
    assert hinge > 0
    assert objective.d_loss(context).item() == pytest.approx(real + hinge, rel=1e-4)


@both
def test_began_follows_its_recursion_while_it_trains(arch: str, images: ImageSet) -> None:
    """k_(t+1) = [k_t + lambda (gamma R(x) - R(G(z)))] and the measure, from D's last logits in each of six steps."""
    transferred = transfer(images, ("energy", {"objective": "began", "gamma": 0.9, "lambda_k": 0.5}), arch=arch)
    trainer = make_trainer(transferred, images)
    log, k, trace = _DiscriminatorLog(trainer), 0.0, []
    for i in range(6):
        trainer.step(images.train[8 * i : 8 * i + 8], 8 * i)
        (real,), (fake,) = ([-logits.mean().item()] for logits in log.logits[-2:])
        k = min(1.0, max(0.0, k + 0.5 * (0.9 * real - fake)))
        trace.append(k)
        assert trainer.objective.k.item() == pytest.approx(k, abs=1e-5)
        assert trainer.objective.measure.item() == pytest.approx(real + abs(0.9 * real - fake), rel=1e-4)
    assert max(trace) > 0


# ---------------------------------------------------------------- augmentation


class _DiscriminatorLog:
    """D's inputs and logits in each of its forward passes."""

    def __init__(self, trainer: GANTrainer) -> None:
        self.shown: list[Tensor] = []
        self.logits: list[Tensor] = []
        original: Callable[[Tensor, Tensor | None], DiscriminatorOutput] = trainer._discriminate

        def logged(x: Tensor, condition: Tensor | None) -> DiscriminatorOutput:
            output = original(x, condition)
            self.shown.append(x.detach().clone())
            self.logits.append(output.logits.detach())
            return output

        trainer._discriminate = logged


@pytest.mark.parametrize("objective", ["core/relativistic", "core/hinge"])
def test_real_and_generated_images_of_a_step_get_one_draw(objective: str, images: ImageSet) -> None:
    """If both batches are the same images, D gets the same input twice; the other side gets another draw."""
    settings = {"augment": "colour+translation+cutout", "objective": objective, "regulariser": "none"}
    trainer = make_trainer(transfer(images, "scratch"), images, **settings)
    rows = images.train[:8]
    weight = next(trainer.gan.generator.parameters())
    trainer._generate = lambda z, condition: images.batch(rows) + 0.0 * weight.sum()
    log = _DiscriminatorLog(trainer)
    trainer.step(rows, 0)
    assert torch.equal(log.shown[0], log.shown[1])
    assert not torch.equal(log.shown[0], images.batch(rows))
    assert not torch.equal(log.shown[0], log.shown[-1])
    assert objective == "core/hinge" or torch.equal(log.shown[2], log.shown[3])


def test_the_teacher_gets_the_augmented_images_of_the_discriminator(images: ImageSet) -> None:
    """D predicts the teacher's features of its own augmented inputs."""
    settings = {"augment": "colour+translation", "regulariser": "none"}
    transferred = transfer(images, ("feature-distill", {"generator": 0.0}))
    trainer = make_trainer(transferred, images, **settings)
    teacher, inputs = loss_of(transferred, "features").teacher, []
    features = teacher.features
    teacher.features = lambda x: inputs.append(x.detach().clone()) or features(x)
    log = _DiscriminatorLog(trainer)
    trainer.step(images.train[:8], 0)
    assert len(inputs) == 2
    assert {any(torch.equal(x, shown) for shown in log.shown[:2]) for x in inputs} == {True}


@pytest.mark.parametrize("objective", ["core/relativistic", "core/non-saturating"])
def test_adaptive_augmentation_is_steered_by_the_sign_of_real_logits(objective: str, images: ImageSet) -> None:
    """ADA's r_t = E sign D(x) over real images; for a relativistic D the sign of the logits' difference."""
    settings = {"augment": "colour", "augment_probability": "adaptive", "objective": objective, "regulariser": "none"}
    trainer = make_trainer(transfer(images, "scratch"), images, **settings)
    with torch.no_grad():
        trainer.gan.discriminator.head.bias += 0.02
    log = _DiscriminatorLog(trainer)
    d_sign = trainer.step(images.train[:32], 0)["d_sign"].item()
    assert torch.equal(log.shown[0], images.batch(images.train[:32]))  # no augmentation at first
    real, fake = log.logits[:2]
    expected = (real - fake if objective == "core/relativistic" else real).sign().mean().item()
    assert d_sign == pytest.approx(expected)
    assert d_sign != pytest.approx(fake.sign().mean().item())


def test_colours_and_holes_are_those_of_the_paper() -> None:
    """DiffAugment in [-1, 1]: brightness + (r - 1/2), saturation x 2 r about the pixel's grey, contrast x (r + 1/2)
    about the image's mean; a square of half the side around the random centre is cut."""
    spec, rng = DataSpec((3, 8, 8), 0.0, 1.0), torch.Generator().manual_seed(0)
    x = torch.rand(4, 3, 8, 8, generator=rng, dtype=torch.float64)
    draws = draw(("colour",), 4, spec, rng)
    assert draws.colours is not None
    expected = 2 * x.numpy() - 1
    r = draws.colours.double().numpy()[:, :, None, None, None]
    expected = expected + r[:, 0] - 0.5
    grey = expected.mean(1, keepdims=True)
    expected = (expected - grey) * 2 * r[:, 1] + grey
    level = expected.mean((1, 2, 3), keepdims=True)
    expected = (expected - level) * (r[:, 2] + 0.5) + level
    assert augment(x, draws, spec).numpy() == pytest.approx((expected + 1) / 2, rel=1e-6)
    draws = draw(("cutout",), 4, spec, rng)
    assert draws.holes is not None
    cut = augment(x, draws, spec)
    for i, (down, right) in enumerate(draws.holes.tolist()):
        inside = torch.zeros(8, 8, dtype=torch.bool)
        inside[max(0, down + 2) : max(0, down + 6), max(0, right + 2) : max(0, right + 6)] = True
        assert torch.equal(cut[i], torch.where(inside, 0.5, x[i]))
