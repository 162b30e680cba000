"""The autoencoder is the discriminator: its error is an energy, low on real images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from zoo.plugin import (
    GAN,
    AdversarialObjective,
    ApplyContext,
    Autoencoder,
    DataSpec,
    Discriminator,
    DiscriminatorOutput,
    Edit,
    PartSpec,
    Slot,
    Source,
    StepContext,
    TransferPlan,
    TransferStrategy,
    build_autoencoder,
    build_part,
    evaluating,
    map_weights,
    normalise,
    over_groups,
    require_same_data,
    to_plain,
)
from zoo_transfer.configs.objectives import BeganConfig, EbganConfig, EnergyConfig, EnergyDiscriminatorConfig
from zoo_transfer.teachers import device_of

__all__ = ["Began", "Ebgan", "Energy", "EnergyDiscriminator", "pull_away"]

_CHUNK = 256


class EnergyDiscriminator(Discriminator):
    """realness = -R(x), R(x) = mean |x - Dec(Enc x)| or mean (x - Dec(Enc x))^2. The last stage is the code."""

    logit_groups: tuple[int, ...] = (1,)

    def __init__(self, config: EnergyDiscriminatorConfig, data: DataSpec) -> None:
        super().__init__()
        specs = {"encoder": config.encoder, "bottleneck": config.bottleneck, "decoder": config.decoder}
        built = build_autoencoder(specs, data, config.latent_dim, device=torch.get_default_device().type)
        self.data = data
        self.norm = config.norm
        self.encoder = built.encoder
        self.bottleneck = built.bottleneck
        self.decoder = built.decoder

    def discriminate(self, x: Tensor) -> DiscriminatorOutput:
        """x (N, *data.shape) -> -R(x) (N, 1), the encoder's stages and the mean code (N, latent_dim)."""
        embedding, stages = self.encoder.features(x)
        code = self.bottleneck(embedding).mean
        error = (x - self.decoder(code)).flatten(1)
        energy = error.abs() if self.norm == "l1" else error.square()
        return DiscriminatorOutput(-energy.mean(1, keepdim=True), (*stages, code))


class Ebgan(AdversarialObjective):
    """D: R(x) + [m - R(G(z))]_+; G: R(G(z)) + w PT (Zhao et al. 2017, "Energy-based generative adversarial network",
    equations 1, 2 and 14). At the Nash equilibrium p_G = p_data (their theorem 1). `margin` is a buffer; realness is
    -R."""

    margin: Tensor

    def __init__(self, config: EbganConfig) -> None:
        super().__init__()
        self.pull_away = config.pull_away
        self.register_buffer("margin", torch.tensor(float(config.margin)))

    def d_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        assert context.real_output is not None, "the loop judges the real batch for D"
        real, fake = -context.real_output.logits, -context.fake_output.logits
        return over_groups(real, context.groups) + over_groups((self.margin - fake).relu(), context.groups)

    def g_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        energy = over_groups(-context.fake_output.logits, context.groups)
        if not self.pull_away:
            return energy
        return energy + self.pull_away * pull_away(context.fake_output.stages[-1].flatten(1))


class Began(AdversarialObjective):
    """D: R(x) - k R(G(z)); G: R(G(z)); k <- [k + lambda (gamma R(x) - R(G(z)))] within 0 to 1 (Berthelot et al. 2017,
    "BEGAN"). `measure` is R(x) + |gamma R(x) - R(G(z))|, the paper's measure of convergence."""

    paired = True
    k: Tensor
    measure: Tensor

    def __init__(self, config: BeganConfig) -> None:
        super().__init__()
        self.gamma = config.gamma
        self.lambda_k = config.lambda_k
        self.register_buffer("k", torch.zeros(()))
        self.register_buffer("measure", torch.zeros(()))

    def d_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        assert context.real_output is not None, "the loop judges the real batch for D"
        real, fake = -context.real_output.logits, -context.fake_output.logits
        return over_groups(real, context.groups) - self.k * over_groups(fake, context.groups)

    def g_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        return over_groups(-context.fake_output.logits, context.groups)

    @torch.no_grad()
    def after_step(self, context: StepContext) -> None:
        """One step of the control, on the judgements of the side that moved last."""
        assert context.real_output is not None, "a paired objective sees the real batch's judgement"
        real = over_groups(-context.real_output.logits, context.groups)
        fake = over_groups(-context.fake_output.logits, context.groups)
        balance = self.gamma * real - fake
        self.k.copy_((self.k + self.lambda_k * balance).clamp(0.0, 1.0))
        self.measure.copy_(real + balance.abs())


class Energy(TransferStrategy):
    """D := the autoencoder, both halves, judging by its error. This is the well-posed form of "D reconstructs real
    images well and generated ones badly": EBGAN bounds what D gains from a fake by a margin, BEGAN balances the two
    errors.

    EBGAN's margin is `margin` times the autoencoder's mean error on the images to learn from.
    """

    slots = frozenset({Slot.DISCRIMINATOR, Slot.OBJECTIVE, Slot.RECIPE})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.DECODER, Source.IMAGES})

    def __init__(self, config: EnergyConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """The autoencoder's tensors in D, the objective with its margin, and no other penalty."""
        require_same_data(source, gan, "energy")
        config = self.config
        settings = EnergyDiscriminatorConfig(
            source.specs["encoder"],
            source.specs["bottleneck"],
            source.specs["decoder"],
            source.latent_dim,
            config.norm,
        )
        spec = normalise("discriminator", PartSpec("transfer/energy", to_plain(settings)))
        discriminator = build_part("discriminator", spec, "energy", gan.data, device=device_of(gan))
        edits = [
            edit
            for role, part in source.parts.items()
            for edit in map_weights(part, role, getattr(discriminator, role), "discriminator", f"{role}.")
        ]
        required_tensors = {"discriminator": {edit.tensor for edit in edits}}
        objective: nn.Module
        if config.objective == "ebgan":
            chosen = PartSpec("transfer/ebgan", to_plain(EbganConfig(pull_away=config.pull_away)))
            objective = Ebgan(EbganConfig(pull_away=config.pull_away))
            how = f"{config.margin:g} x the error on the images"
            edits.append(Edit("objective", "margin", "fitted", how, self._margin))
            required_tensors["objective"] = {"margin"}
        else:
            began = BeganConfig(config.gamma, config.lambda_k)
            chosen = PartSpec("transfer/began", to_plain(began))
            objective = Began(began)
        return TransferPlan(
            GAN(gan.prior, gan.generator, discriminator, gan.specs | {"discriminator": spec}),
            edits,
            objective=objective.to(device_of(gan)),
            recipe={"objective": to_plain(chosen), "regulariser": "none"},
            required_tensors=required_tensors,
        )

    def noop_config(self) -> None:
        """None: another discriminator judges, by another loss."""

    def _margin(self, context: ApplyContext) -> Tensor:
        discriminator = context.nets["discriminator"]
        with evaluating(discriminator):
            energies = [-discriminator.discriminate(chunk).logits for chunk in context.images().split(_CHUNK)]  # type: ignore[operator]
        return self.config.margin * torch.cat(energies).mean()


def pull_away(codes: Tensor) -> Tensor:
    """Codes (N, d) -> the mean squared cosine of all pairs: 0 for orthogonal codes, 1 for identical ones (Zhao et al.
    2017, equation 14)."""
    n = len(codes)
    cosines = normalize(codes, dim=1) @ normalize(codes, dim=1).T
    return (cosines.square().sum() - cosines.diagonal().square().sum()) / max(n * (n - 1), 1)
