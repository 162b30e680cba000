"""What each strategy does, beyond what holds for all of them (tests/test_strategies.py)."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import ARCHITECTURES, SHAPE, autoencoder, states_equal
from small_transfers import first_context, make_trainer, run, transfer
from torch import Tensor
from zoo_transfer.configs.losses import DenoisingFeaturesConfig
from zoo_transfer.configs.objectives import BEGANConfig, EBGANConfig
from zoo_transfer.configs.priors import FittedFlowConfig
from zoo_transfer.decoder_init import WarmStart
from zoo_transfer.denoising_features import fit_denoiser
from zoo_transfer.energy import BEGAN, EBGAN, pull_away
from zoo_transfer.ewc import fisher_of
from zoo_transfer.feature_distill import pair_stages
from zoo_transfer.feature_moments import moments_of
from zoo_transfer.flow_prior import fit_flow

import zoo
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.errors import ConfigError, TransferError
from zoo.losses.types import Side, StepContext
from zoo.networks.configs import FlowPriorConfig as CoreFlowConfig, TruncatedPriorConfig, UniformPriorConfig
from zoo.networks.flows import FlowPrior
from zoo.networks.priors import TruncatedPrior, UniformPrior
from zoo.networks.types import DiscriminatorOutput
from zoo.types import PartSpec

both = pytest.mark.parametrize("arch", ["mlp", "dcgan"])


@pytest.fixture
def images(images_file: Path) -> ImageSet:
    return open_images(str(images_file), shape=SHAPE)


# ---------------------------------------------------------------- controls


@both
def test_a_random_encoder_takes_the_encoders_place_for_every_later_strategy(arch: str, images: ImageSet) -> None:
    """Encoder-init then copies weights that are neither the source's nor the GAN's own; the decoder stays."""
    transferred = transfer(images, "random-encoder", "encoder-init", "decoder-init", arch=arch)
    assert not states_equal(transferred.gan.discriminator.encoder, transferred.source.encoder)
    assert states_equal(transferred.gan.generator, transferred.source.decoder)
    fresh = zoo.gan(like=transferred.source, seed=1).discriminator.encoder
    assert not states_equal(transferred.gan.discriminator.encoder, fresh)
    assert any("untrained" in note for note in transferred.report.notes)
    (anchor,) = transfer(images, "random-encoder", "recon-anchor", arch=arch).plan.losses.values()
    assert not states_equal(anchor.teacher.bottleneck, transferred.source.bottleneck), "codes know nothing either"


@both
def test_shuffling_keeps_every_value_and_changes_its_position(arch: str, images: ImageSet) -> None:
    """Each copied tensor holds the source's numbers in another order."""
    transferred = transfer(images, "shuffled-init", "decoder-init", arch=arch)
    for name, weight in transferred.source.decoder.named_parameters():
        ours = transferred.gan.generator.state_dict()[name]
        assert torch.equal(ours.flatten().sort().values, weight.detach().flatten().sort().values)
        assert weight.numel() < 8 or weight.unique().numel() == 1 or not torch.equal(ours, weight)


def test_the_autoencoder_prior_baseline_is_the_decoder_and_is_not_trained(images: ImageSet) -> None:
    transferred = transfer(images, ("autoencoder-prior", {"components": 2}))
    trainer = make_trainer(transferred, images)
    run(trainer, images, 3)
    assert states_equal(trainer.gan.generator, transferred.source.decoder)
    assert not any(optimizer.adam for optimizer in trainer.optimizers.values())


# ---------------------------------------------------------------- weights and schedules


@both
def test_the_generator_waits_while_the_discriminator_warms_up_and_then_rises(arch: str, images: ImageSet) -> None:
    """No weight of G changes for the first 40 images; then its learning rate is a quarter, and 40 images later all of
    it."""
    config = {"warmup_images": 40, "warmup_accuracy": 1.0, "ramp_images": 40}
    transferred = transfer(images, ("decoder-init", config), arch=arch)
    trainer = make_trainer(transferred, images, generator_lr=1e-3)
    d_before = copy.deepcopy(trainer.gan.discriminator)
    run(trainer, images, 5)
    assert states_equal(trainer.gan.generator, transferred.source.decoder)
    assert not states_equal(trainer.gan.discriminator, d_before)
    assert trainer.optimizers[Side.GENERATOR].adam.state_dict()["state"] == {}
    trainer.step(images.train[:8], 40)
    assert not states_equal(trainer.gan.generator, transferred.source.decoder)
    assert trainer.optimizers[Side.GENERATOR].adam.param_groups[0]["lr"] == pytest.approx(0.25e-3)
    trainer.step(images.train[:8], 80)
    assert trainer.optimizers[Side.GENERATOR].adam.param_groups[0]["lr"] == pytest.approx(1e-3)


def test_the_warm_start_rises_linearly() -> None:
    rise = WarmStart(100, 200, 0.25)
    assert [rise(at) for at in (0, 99, 100, 200, 300, 10**6)] == [0.0, 0.0, 0.25, 0.625, 1.0, 1.0]


@both
@pytest.mark.parametrize("stages", [1, 2])
def test_freezing_stages_freezes_what_they_depend_on_and_nothing_else(arch: str, stages: int, images: ImageSet) -> None:
    """The frozen names are those of the first stages; deeper ones and the head keep learning."""
    depth = len(autoencoder(arch).encoder.stage_channels)
    if stages > depth:
        with pytest.raises(TransferError, match=f"D has {depth}"):
            transfer(images, ("freeze-lower", {"stages": stages}), arch=arch)
        return
    transferred = transfer(images, "encoder-init", ("freeze-lower", {"stages": stages}), arch=arch)
    prefixes = tuple(f"encoder.{'layers' if arch == 'mlp' else 'stages'}.{i}." for i in range(stages))
    names = {name for name, _ in transferred.gan.discriminator.named_parameters()}
    assert transferred.plan.frozen["discriminator"] == {name for name in names if name.startswith(prefixes)}
    trainer = make_trainer(
        transferred, images, objective="core/non-saturating"
    )  # a relativistic loss has no gradient in the last bias
    before = copy.deepcopy(trainer.gan.discriminator)
    run(trainer, images, 5)
    for name, weight in trainer.gan.discriminator.named_parameters():
        assert torch.equal(weight, before.state_dict()[name]) == name.startswith(prefixes), name


@both
def test_weights_are_pulled_back_to_where_they_started(arch: str, images: ImageSet) -> None:
    """The anchor is 0 at the start, w ||d||^2 after a step d, and its Fisher information weighs it in ewc."""
    for strategy in ("l2-sp", "ewc"):
        transferred = transfer(images, "decoder-init", strategy, arch=arch)
        trainer = make_trainer(transferred, images)
        (auxiliary,) = transferred.plan.losses.values()
        context = first_context(trainer, images)
        assert auxiliary(context).item() == 0.0
        with torch.no_grad():
            for weight in trainer.gan.generator.parameters():
                weight += 0.1
        weights = sum(weight.numel() for weight in trainer.gan.generator.parameters())
        assert auxiliary(context).item() == pytest.approx(0.01 * weights, rel=1e-3)  # the mean Fisher information is 1


def test_fisher_information_is_the_mean_squared_score_of_the_decoders_gaussian() -> None:
    """For a linear generator x = W z + b the diagonal is E z_j^2 for W and 1 for b, up to one scale."""
    from zoo_mlp.config import GeneratorConfig
    from zoo_mlp.generator import MLPGenerator

    from zoo.types import DataSpec

    net = MLPGenerator(GeneratorConfig(()), DataSpec((50,)), (3,))
    net.output = torch.nn.Identity()
    codes = torch.randn(400, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0, 0.5])
    fisher = fisher_of(net, codes, 0)
    weight, bias = fisher["first.weight"].mean(0), fisher["first.bias"].mean()
    torch.testing.assert_close(weight / bias, codes.square().mean(0), rtol=0.15, atol=0.05)


# ---------------------------------------------------------------- around the discriminator


@both
def test_concatenated_features_with_strength_0_give_the_bases_logits(arch: str, images: ImageSet) -> None:
    """a = 0 gives the base's logits bit for bit, a > 0 others; the generator learns through the features alone."""
    x = images.batch(images.train[:8])
    plain = zoo.gan(like=autoencoder(arch), seed=1).score(x)
    assert torch.equal(transfer(images, ("feature-concat", {"strength": 0.0}), arch=arch).gan.score(x), plain)
    transferred = transfer(images, "feature-concat", arch=arch)
    assert not torch.equal(transferred.gan.score(x), plain)
    assert states_equal(transferred.gan.discriminator.encoder, transferred.source.encoder)
    with torch.no_grad():
        for weight in transferred.gan.discriminator.base.parameters():
            weight.zero_()
    x.requires_grad_()
    transferred.gan.discriminator.discriminate(x).logits.sum().backward()
    assert x.grad.abs().sum() > 0


@both
def test_the_concatenated_head_is_as_wide_as_the_narrowest_stage_it_reads(arch: str, images: ImageSet) -> None:
    """By default, and never wider than 64; a setting has the last word."""
    transferred = transfer(images, "feature-concat", arch=arch)
    discriminator = transferred.gan.discriminator
    widths = discriminator.encoder.stage_channels[-3:]
    assert {layer.weight.shape[0] for layer in discriminator.head.project} == {min(64, *widths)}
    wide = transfer(images, ("feature-concat", {"channels": 7}), arch=arch).gan.discriminator
    assert {layer.weight.shape[0] for layer in wide.head.project} == {7}


def test_earlier_edits_follow_a_net_into_its_wrapper(images: ImageSet) -> None:
    """Encoder-init below feature-concat below projected-heads still fills the trunk, and the report finds it."""
    transferred = transfer(images, "encoder-init", "feature-concat", "projected-heads", ("freeze-lower", {"stages": 1}))
    trunk = transferred.gan.discriminator.base.base.encoder
    assert states_equal(trunk, transferred.source.encoder)
    copied = [row for row in transferred.report.rows if row.tensor.startswith("base.base.encoder.")]
    assert copied
    assert {row.origin for row in copied} == {"copied"}
    assert {row.state for row in copied if ".stages.0." in row.tensor} == {"frozen"}


@both
def test_projected_heads_are_groups_of_their_own_and_all_of_them_learn(arch: str, images: ImageSet) -> None:
    """As many logits as the groups say; the projections never move, every head's weights do."""
    transferred = transfer(images, "projected-heads", arch=arch)
    discriminator = transferred.gan.discriminator
    logits = discriminator.discriminate(images.batch(images.train[:4])).logits
    assert logits.shape[1] == sum(discriminator.logit_groups)
    assert len(discriminator.logit_groups) == 1 + discriminator.used
    mixing = copy.deepcopy(discriminator.mixing)
    before = {name: weight.detach().clone() for name, weight in discriminator.heads.named_parameters()}
    run(make_trainer(transferred, images, objective="core/non-saturating"), images, 3)
    assert states_equal(discriminator.mixing, mixing)
    assert all(not torch.equal(before[name], weight) for name, weight in discriminator.heads.named_parameters())


def test_projected_heads_read_another_encoder_when_asked(images: ImageSet) -> None:
    """The component is built and frozen in the autoencoder's place, and the report says which weights it has."""
    transferred = transfer(images, ("projected-heads", {"encoder": {"component": "mlp", "config": {"widths": [8, 8]}}}))
    assert transferred.gan.discriminator.encoder.stage_channels == (8, 8)
    assert any("mlp/mlp" in note for note in transferred.report.notes)


# ---------------------------------------------------------------- added losses


@both
def test_the_reconstruction_anchor_is_0_for_a_perfect_generator(arch: str, images: ImageSet) -> None:
    """With G(Enc x) = x nothing is lost, and the weight falls as a cosine to 0."""
    transferred = transfer(images, "decoder-init", ("recon-anchor", {"images": 100}), arch=arch)
    (auxiliary,) = transferred.plan.losses.values()
    context = first_context(make_trainer(transferred, images), images)
    assert auxiliary(context).item() > 0
    context.generate = lambda z: context.real
    assert auxiliary(context).item() == 0.0
    assert [round(auxiliary.weight(at), 6) for at in (0, 25, 50, 100, 999)] == [1.0, 0.853553, 0.5, 0.0, 0.0]


@both
def test_the_anchor_feeds_codes_in_the_generators_own_terms(arch: str, images: ImageSet) -> None:
    """With a folded Gaussian, G(to_latent(Enc x)) is still the source's reconstruction."""
    transferred = transfer(images, "decoder-init", "gaussian-prior", "recon-anchor", arch=arch)
    trainer = make_trainer(transferred, images)
    context = first_context(trainer, images)
    codes = transferred.source.encode(context.real)
    expected = transferred.source.decode(codes)
    torch.testing.assert_close(context.generate(context.latent(codes)), expected, rtol=1e-4, atol=1e-4)


@both
def test_real_moments_are_those_of_numpy_and_match_themselves(arch: str, images: ImageSet) -> None:
    """Two passes in float64 give the same moments; the distance of the data set to itself is 0, in any order."""
    transferred = transfer(images, "feature-moments", arch=arch)
    (auxiliary,) = transferred.plan.losses.values()
    x = images.batch(images.train)
    stages = transferred.source.encoder.features(x).stages
    for i, ((mean, variance), stage) in enumerate(zip(moments_of(transferred.source.encoder, x), stages, strict=True)):
        values = stage.detach().double().numpy()
        np.testing.assert_allclose(mean, values.mean(0), atol=1e-6)
        np.testing.assert_allclose(variance, values.var(0), atol=1e-6)
        assert torch.equal(getattr(auxiliary, f"real_mean_{i}"), mean)
    context = first_context(make_trainer(transferred, images), images)
    context.fake = x
    assert copy.deepcopy(auxiliary)(context).item() == pytest.approx(0.0, abs=1e-5)
    context.fake = context.real
    forward, context.fake = copy.deepcopy(auxiliary)(context).item(), context.real.flip(0)
    assert copy.deepcopy(auxiliary)(context).item() == pytest.approx(forward, rel=1e-5)
    assert forward > 1e-3


@both
def test_moments_alone_leave_the_discriminator_untouched(arch: str, images: ImageSet) -> None:
    """GFMN: D is not trained, and the generator's moments approach the real ones."""
    transferred = transfer(images, ("feature-moments", {"alone": True, "keep": 0.5}), arch=arch)
    trainer = make_trainer(transferred, images)
    before = copy.deepcopy(trainer.gan.discriminator)
    (auxiliary,) = transferred.plan.losses.values()
    first = copy.deepcopy(auxiliary)(first_context(trainer, images, 64)).item()
    run(trainer, images, 30)
    assert states_equal(trainer.gan.discriminator, before)
    assert copy.deepcopy(auxiliary)(first_context(trainer, images, 64)).item() < first


def test_the_denoiser_draws_noisy_codes_towards_real_ones() -> None:
    """r(c + e) is nearer to c than c + e is, and a step along r(c) - c raises the log-density of a known Gaussian."""
    rng = torch.Generator().manual_seed(0)
    mix = torch.randn(5, 5, generator=rng)
    codes = torch.randn(2000, 5, generator=rng) @ mix
    denoiser = fit_denoiser(DenoisingFeaturesConfig(width=64, steps=400), codes)
    clean = denoiser.standardise(codes[:500])
    noisy = clean + torch.randn(clean.shape, generator=rng)
    with torch.no_grad():
        cleaned = denoiser(noisy)
    assert (cleaned - clean).square().mean() < 0.8 * (noisy - clean).square().mean()
    density = torch.distributions.MultivariateNormal(torch.zeros(5), torch.cov(denoiser.standardise(codes).T))
    assert density.log_prob(noisy + 0.1 * (cleaned - noisy)).mean() > density.log_prob(noisy).mean()


def test_stages_are_paired_from_end_to_end() -> None:
    assert (pair_stages(2, 3), pair_stages(3, 3), pair_stages(3, 2), pair_stages(1, 4)) == (
        [0, 2],
        [0, 1, 2],
        [0, 0, 1],
        [3],
    )


@pytest.mark.parametrize(("teacher", "student"), [("mlp", "dcgan"), ("dcgan", "mlp")])
def test_distillation_teaches_a_discriminator_of_another_architecture(
    teacher: str, student: str, images: ImageSet
) -> None:
    """An mlp's encoder teaches dcgan's stages, and the other way: the loss falls, and releases have no adapter."""
    source = autoencoder(teacher)
    gan = zoo.gan(*ARCHITECTURES[student][::-1], like=source, seed=1)
    transferred = zoo.transfer(source, gan, "feature-distill")
    trainer = make_trainer(transferred, images, objective="core/wasserstein", regulariser="none")
    auxiliary = transferred.plan.losses["transfer/feature-distill/features"]
    first = auxiliary(first_context(trainer, images, 64)).item()
    run(trainer, images, 80)
    assert auxiliary(first_context(trainer, images, 64)).item() < 0.8 * first
    assert not any("adapter" in name for part in trainer.gan.parts.values() for name in part.state_dict())


@pytest.mark.parametrize("code_shape", [3, 10])
def test_distillation_reaches_a_generator_with_another_number_of_values_a_code(
    code_shape: int, images: ImageSet
) -> None:
    """The codes enter it on their principal components, scaled to N(0, I), and it learns the decoder's images."""
    source = autoencoder("mlp")
    gan = zoo.gan("dcgan", "dcgan", like=source, code_shape=code_shape, seed=1)
    with pytest.raises(TransferError, match="no data was given"):
        zoo.transfer(source, gan, "feature-distill")
    transferred = zoo.transfer(source, gan, [PartSpec("feature-distill", {"discriminator": 0.0})], data=images)
    auxiliary = transferred.plan.losses["transfer/feature-distill/images"]
    z = auxiliary.projection(source.encode(images.batch(images.train)))
    assert z.shape[1] == min(code_shape, source.code_size)
    torch.testing.assert_close(torch.cov(z.T), torch.eye(z.shape[1]), rtol=0, atol=0.2)  # the ridge
    trainer = make_trainer(transferred, images, discriminator_lr=1e-9, generator_lr=1e-3)
    context = first_context(trainer, images, 64)
    code = source.encode(context.real)
    z = torch.cat(
        [auxiliary.projection(code), context.z[:, min(code_shape, source.code_size) :]], 1
    )  # the other values are noise
    first = auxiliary(context).item()
    assert first == pytest.approx((transferred.gan.generator(z) - source.decoder(code)).abs().mean().item(), rel=1e-5)
    run(trainer, images, 40)
    assert auxiliary(first_context(trainer, images, 64)).item() < 0.9 * first


# ---------------------------------------------------------------- energy


@both
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_the_energy_is_the_autoencoders_error_at_the_start(arch: str, norm: str, images: ImageSet) -> None:
    """D reproduces the autoencoder bit for bit; the margin is 2.5 times its mean error."""
    transferred = transfer(images, ("energy", {"norm": norm}), arch=arch)
    x = images.batch(images.train)
    error = (x - transferred.source.reconstruct(x)).flatten(1)
    energy = (error.abs() if norm == "l1" else error.square()).mean(1)
    torch.testing.assert_close(-transferred.gan.score(x), energy, rtol=1e-6, atol=1e-7)
    assert transferred.plan.objective.margin.item() == pytest.approx(2.5 * energy.mean().item(), rel=1e-5)
    for role in ("encoder", "bottleneck", "decoder"):
        assert states_equal(getattr(transferred.gan.discriminator, role), getattr(transferred.source, role))


@both
def test_one_step_of_the_energy_lowers_it_on_real_and_raises_it_on_fake_images(arch: str, images: ImageSet) -> None:
    """Below the margin both signs hold, and the generator's gradient flows through u and through Dec(Enc(u))."""
    transferred = transfer(images, ("energy", {"margin": 100.0, "pull_away": 0.0}), arch=arch)
    trainer = make_trainer(transferred, images, discriminator_lr=1e-4, generator_lr=1e-12)
    context = first_context(trainer, images)
    u = context.fake.detach().requires_grad_()
    (whole,) = torch.autograd.grad(-context.discriminate(u).logits.sum(), u)
    shadow = transferred.gan.discriminator
    code = shadow.bottleneck(shadow.encoder.features(u).embedding).mean
    (identity_only,) = torch.autograd.grad((u - shadow.decoder(code).detach()).square().flatten(1).mean(1).sum(), u)
    assert not torch.allclose(whole, identity_only)
    before = context.real_output.logits.mean(), context.fake_output.logits.mean()
    adam = trainer.optimizers[Side.DISCRIMINATOR].adam
    adam.zero_grad()
    trainer.objective.d_loss(first_context(trainer, images)).backward()
    adam.param_groups[0]["lr"] = 1e-4
    adam.step()
    after = first_context(trainer, images)
    assert -after.real_output.logits.mean() < -before[0]
    assert -after.fake_output.logits.mean() > -before[1]


def test_pulling_away_is_1_for_identical_and_0_for_orthogonal_codes() -> None:
    assert pull_away(torch.ones(5, 3)).item() == pytest.approx(1.0)
    assert pull_away(torch.eye(4)).item() == pytest.approx(0.0)
    codes = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)).double()
    pairs = [(i, j) for i in range(6) for j in range(6) if i != j]
    cosines = [torch.cosine_similarity(codes[i], codes[j], 0).square().item() for i, j in pairs]
    assert pull_away(codes).item() == pytest.approx(sum(cosines) / 30)


def context_of(real: list[float], fake: list[float]) -> StepContext:
    r, f = (torch.tensor(values).view(-1, 1).neg() for values in (real, fake))
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
        fake_output=DiscriminatorOutput(f, (f,)),
        real_output=DiscriminatorOutput(r, (r,)),
    )


def test_the_energy_losses_follow_their_papers_by_hand() -> None:
    """EBGAN: R(x) + [m - R(G)]+ per sample; BEGAN: R(x) - k R(G), and k's recursion on a trace of three steps."""
    ebgan = EBGAN(EBGANConfig(margin=1.0, pull_away=0.0))
    context = context_of([0.2, 0.4], [0.5, 1.5])
    assert ebgan.d_loss(context).item() == pytest.approx(0.3 + (0.5 + 0.0) / 2)
    assert ebgan.g_loss(context).item() == pytest.approx(1.0)
    began = BEGAN(BEGANConfig(gamma=0.5, lambda_k=0.1))
    k = 0.0
    for real, fake in ((1.0, 0.2), (0.8, 0.1), (0.5, 9.0)):
        context = context_of([real, real], [fake, fake])
        assert began.d_loss(context).item() == pytest.approx(real - k * fake, rel=1e-5)
        assert began.g_loss(context).item() == pytest.approx(fake)
        began.after_step(context)
        k = min(1.0, max(0.0, k + 0.1 * (0.5 * real - fake)))
        assert began.k.item() == pytest.approx(k, abs=1e-6)
        assert began.measure.item() == pytest.approx(real + abs(0.5 * real - fake), rel=1e-5)
    assert k == 0.0


def test_energy_refuses_an_objective_that_the_user_chose(images: ImageSet, tmp_path: Path) -> None:
    """Its loss is part of it: the error names both."""
    with pytest.raises(ConfigError, match="objective"):
        zoo.train(transfer(images, "energy"), images, out=tmp_path, images=16, training={"objective": "core/hinge"})


# ---------------------------------------------------------------- codes


@both
def test_a_latent_gan_samples_what_the_decoder_makes_of_its_codes(arch: str, images: ImageSet) -> None:
    """G(e) == Dec(mean + scale g(e)) bit for bit; the critic gets codes of the decoder's size and never an image."""
    transferred = transfer(images, "latent-gan", arch=arch)
    generator, z = transferred.gan.generator.eval(), torch.randn(4, 6)
    codes = generator.codes(z)
    assert torch.equal(generator(z), transferred.source.eval().decoder(codes))
    trainer = make_trainer(transferred, images)
    shapes: set[tuple[int, ...]] = set()
    transferred.plan.task.critic.register_forward_pre_hook(lambda _, inputs: shapes.add(tuple(inputs[0].shape)))
    run(trainer, images, 5)
    assert shapes == {(8, 6)}
    expected = transferred.source.encode(images.batch(images.train))
    torch.testing.assert_close(generator.mean, expected.mean(0))


@both
def test_the_generator_of_codes_learns_their_mean_and_spread(arch: str, images: ImageSet) -> None:
    """Six hundred steps bring the first two moments of g(e) to those of the standardised codes."""
    transferred = transfer(images, ("latent-gan", {"widths": [32, 32], "critic_steps": 2}), arch=arch)
    trainer = make_trainer(transferred, images, batch=32, beta1=0.5, ema_ramp=0.5)
    run(trainer, images, 600)
    codes = trainer.average.net.mapper(torch.randn(500, 6, generator=torch.Generator().manual_seed(0)))
    assert codes.mean(0).abs().max() < 0.6
    assert 0.6 < codes.std(0).min() <= codes.std(0).max() < 1.5


def test_a_strategy_that_needs_images_is_refused_with_a_task_on_codes(images: ImageSet) -> None:
    """The error names both and the slot."""
    with pytest.raises(TransferError, match=r"latent-gan.*task.*recon-anchor"):
        transfer(images, "latent-gan", "recon-anchor")


@both
def test_mining_starts_from_the_generator_and_changes_only_the_miner(arch: str, images: ImageSet) -> None:
    """Before training G(u + M(u)) = G(u); afterwards the decoder inside is as it was."""
    transferred = transfer(images, "decoder-init", "miner", arch=arch)
    z = torch.randn(4, 6)
    assert torch.equal(transferred.gan.generator.eval()(z), transferred.source.eval().decoder(z))
    run(make_trainer(transferred, images), images, 5)
    assert states_equal(transferred.gan.generator.generator, transferred.source.decoder)
    assert transferred.gan.generator.miner[-1].weight.abs().sum() > 0


# ---------------------------------------------------------------- priors


def test_a_flow_is_a_density_that_its_samples_follow() -> None:
    """log p equals the change of variables by autograd's Jacobian, and fitting raises the likelihood of a ring."""
    rng = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    flow = FlowPrior(CoreFlowConfig(layers=4, width=32), (2,))
    angle = torch.rand(1000, generator=rng) * 2 * math.pi
    ring = torch.stack([angle.cos(), angle.sin()], 1) * 3 + 0.2 * torch.randn(1000, 2, generator=rng)
    config = FittedFlowConfig(steps=400, learning_rate=3e-3)
    standard = torch.distributions.MultivariateNormal(ring.mean(0), torch.cov(ring.T))
    with torch.no_grad():
        flow = fit_flow(flow, ring, config)
    assert flow.log_density(ring).mean() > standard.log_prob(ring).mean() + 0.2
    flow = flow.double()
    x = ring[:1].double()

    def to_noise(code: Tensor) -> Tensor:
        noise = ((code - flow.mean) / flow.scale)[None]
        for coupling in reversed(flow.couplings):
            noise, _ = coupling.inverse(noise)
        return noise[0]

    jacobian = torch.autograd.functional.jacobian(to_noise, x[0])
    expected = -0.5 * to_noise(x[0]).square().sum() - math.log(2 * math.pi) + torch.linalg.slogdet(jacobian)[1]
    torch.testing.assert_close(flow.log_density(x)[0], expected, rtol=1e-10, atol=1e-10)
    noise, code = torch.randn(3, 2, generator=rng, dtype=torch.float64), None
    code = noise
    for coupling in flow.couplings:
        code = coupling(code)
    for coupling in reversed(flow.couplings):
        code, _ = coupling.inverse(code)
    torch.testing.assert_close(code, noise)


def test_an_unfitted_flow_is_standard_normal() -> None:
    flow = FlowPrior(CoreFlowConfig(), (5,))
    rng = torch.Generator().manual_seed(3)
    assert torch.equal(flow.sample(4, rng), torch.randn(4, 5, generator=rng.manual_seed(3)))


def test_uniform_and_truncated_priors_follow_their_distributions() -> None:
    """Kolmogorov-Smirnov against scipy; no value is outside."""
    stats = pytest.importorskip("scipy.stats")
    rng = torch.Generator().manual_seed(0)
    uniform = UniformPrior(UniformPriorConfig(), (4,)).sample(2000, rng).flatten().numpy()
    assert stats.kstest(uniform, stats.uniform(-(3**0.5), 2 * 3**0.5).cdf).pvalue > 0.01
    truncated = TruncatedPrior(TruncatedPriorConfig(1.5), (4,)).sample(2000, rng).flatten().numpy()
    assert stats.kstest(truncated, stats.truncnorm(-1.5, 1.5).cdf).pvalue > 0.01
    assert np.abs(truncated).max() <= 1.5


def test_augmentation_shows_real_and_fake_through_one_draw_and_resumes(images: ImageSet, tmp_path: Path) -> None:
    """The stream is saved with the run, so a run cut at its half ends like one that was not."""
    import shutil

    from zoo.training.api import resume

    transferred = transfer(images, "decoder-init")
    training = {"batch": 8, "checkpoint_every": 40, "sample_every": 999, "augment": "colour+translation+cutout"}
    zoo.train(transferred, images, out=tmp_path / "run", images=80, training=training)
    end = tmp_path / "run" / "checkpoints" / f"{80:012d}"
    whole = (end / "tensors.safetensors").read_bytes()
    shutil.rmtree(end)
    resume(tmp_path / "run")
    assert (end / "tensors.safetensors").read_bytes() == whole


def test_augmentation_is_refused_for_a_task_on_codes(images: ImageSet) -> None:
    with pytest.raises(ConfigError, match="augment"):
        make_trainer(transfer(images, "latent-gan"), images, augment="colour")


def test_real_and_generated_images_are_augmented_by_one_draw(images: ImageSet) -> None:
    """The same image, as real and as fake, is augmented alike."""
    trainer = make_trainer(transfer(images, "scratch"), images, augment="colour+translation+cutout")
    view = trainer.augmentation.sample(8, trainer.streams["augmentation"])
    assert view is not None
    x = images.batch(images.train[:8])
    assert torch.equal(view(x), view(x.clone()))
    assert not torch.equal(view(x), x)
