"""The autoencoder becomes the discriminator: its reconstruction error is an energy, low for real images."""

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
    evaluating,
    map_weights,
    over_groups,
    require_same_data,
    to_plain,
)
from zoo_transfer.configs.objectives import BEGANConfig, EBGANConfig, EnergyConfig, EnergyDiscriminatorConfig
from zoo_transfer.gan_parts import device_of, with_component

__all__ = ["BEGAN", "EBGAN", "Energy", "EnergyDiscriminator", "pull_away"]

_CHUNK = 256


class EnergyDiscriminator(Discriminator):
    """logit = -R(x), with R(x) = mean |x - Dec(Enc x)| (`l1`) or mean (x - Dec(Enc x))^2 (`l2`)."""

    logit_groups: tuple[int, ...] = (1,)

    def __init__(self, config: EnergyDiscriminatorConfig, data: DataSpec) -> None:
        super().__init__()
        specs = {"encoder": config.encoder, "bottleneck": config.bottleneck, "decoder": config.decoder}
        device = torch.get_default_device().type
        built = build_autoencoder(specs, data, config.code_shape, seed=torch.initial_seed(), device=device)
        self.data = data
        self.norm = config.norm
        self.encoder = built.encoder
        self.bottleneck = built.bottleneck
        self.decoder = built.decoder

    def discriminate(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """x (N, *data.shape) -> -R(x) (N, 1); stages are the encoder's and, last, the mean code (N, *code_shape)."""
        embedding, stages = self.encoder.features(x)
        code = self.bottleneck(embedding).mean
        error = (x - self.decoder(code)).flatten(1)
        energy = error.abs() if self.norm == "l1" else error.square()
        return DiscriminatorOutput(-energy.mean(1, keepdim=True), (*stages, code))


class EBGAN(AdversarialObjective):
    """L_D = R(x) + [m - R(G(z))]_+, L_G = R(G(z)) + w PT (Zhao et al. 2017, "Energy-based generative adversarial
    network", equations 1, 2 and 14), with R = -logit. At the Nash equilibrium p_G = p_data (their theorem 1)."""

    margin: Tensor

    def __init__(self, config: EBGANConfig) -> None:
        super().__init__()
        self.pull_away = config.pull_away
        self.register_buffer("margin", torch.tensor(float(config.margin)))

    def d_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        hinge = (self.margin + context.fake_output.logits).relu()
        return over_groups(-context.real_logits, context.groups) + over_groups(hinge, context.groups)

    def g_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        energy = over_groups(-context.fake_output.logits, context.groups)
        if not self.pull_away:
            return energy
        return energy + self.pull_away * pull_away(context.fake_output.stages[-1].flatten(1))


class BEGAN(AdversarialObjective):
    """L_D = R(x) - k R(G(z)), L_G = R(G(z)), k <- [k + lambda (gamma R(x) - R(G(z)))] clamped to 0 to 1 (Berthelot et
    al. 2017, "BEGAN: Boundary equilibrium generative adversarial networks"), with R = -logit.

    The buffer `measure` is the paper's measure of convergence, R(x) + |gamma R(x) - R(G(z))|.
    """

    paired = True
    k: Tensor
    measure: Tensor

    def __init__(self, config: BEGANConfig) -> None:
        super().__init__()
        self.gamma = config.gamma
        self.lambda_k = config.lambda_k
        self.register_buffer("k", torch.zeros(()))
        self.register_buffer("measure", torch.zeros(()))

    def d_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        fake = over_groups(-context.fake_output.logits, context.groups)
        return over_groups(-context.real_logits, context.groups) - self.k * fake

    def g_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        return over_groups(-context.fake_output.logits, context.groups)

    @torch.no_grad()
    def after_step(self, context: StepContext) -> None:
        """Update k and `measure` from the logits of the side that was trained last."""
        real = over_groups(-context.real_logits, context.groups)
        fake = over_groups(-context.fake_output.logits, context.groups)
        balance = self.gamma * real - fake
        self.k.copy_((self.k + self.lambda_k * balance).clamp(0.0, 1.0))
        self.measure.copy_(real + balance.abs())


class Energy(TransferStrategy):
    """D := the whole autoencoder, with logit -R(x), and EBGAN's or BEGAN's losses (Zhao et al. 2017; Berthelot et al.
    2017).

    Both keep the goal "reconstruct real images well and generated ones badly" bounded: EBGAN limits by a margin what D
    gains from a generated image, BEGAN balances the two errors. EBGAN's margin is `margin` times the autoencoder's mean
    error on the target's images.
    """

    slots = frozenset({Slot.DISCRIMINATOR, Slot.OBJECTIVE, Slot.RECIPE})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.DECODER, Source.IMAGES})

    def __init__(self, config: EnergyConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """The autoencoder's tensors in D, and the objective with its margin; no regulariser."""
        require_same_data(source, gan, "energy")
        config, specs = self.config, source.specs
        discriminator = EnergyDiscriminatorConfig(
            specs["encoder"], specs["bottleneck"], specs["decoder"], source.code_shape, config.norm
        )
        gan = with_component(gan, "discriminator", "energy", discriminator)
        edits = [
            edit
            for role, part in source.parts.items()
            for edit in map_weights(part, role, getattr(gan.discriminator, role), "discriminator", f"{role}.")
        ]
        required_tensors = {"discriminator": {edit.tensor for edit in edits}}
        objective: nn.Module
        if config.objective == "ebgan":
            ebgan = EBGANConfig(pull_away=config.pull_away)
            objective, settings = EBGAN(ebgan), to_plain(ebgan)
            how = f"{config.margin:g} x the error on the images"
            edits.append(Edit("objective", "margin", "fitted", how, self._margin))
            required_tensors["objective"] = {"margin"}
        else:
            began = BEGANConfig(config.gamma, config.lambda_k)
            objective, settings = BEGAN(began), to_plain(began)
        return TransferPlan(
            gan,
            edits,
            objective=objective.to(device_of(gan)),
            recipe={"objective": to_plain(PartSpec(f"transfer/{config.objective}", settings)), "regulariser": "none"},
            required_tensors=required_tensors,
        )

    def noop_config(self) -> None:
        """None: the discriminator and the losses are other ones."""

    def _margin(self, context: ApplyContext) -> Tensor:
        discriminator = context.nets["discriminator"]
        with evaluating(discriminator):
            logits = [discriminator.discriminate(chunk).logits for chunk in context.images().split(_CHUNK)]  # type: ignore[operator]
        return self.config.margin * torch.cat([-chunk for chunk in logits]).mean()


def pull_away(codes: Tensor) -> Tensor:
    """The pulling-away term PT of codes (N, d), a scalar: the mean squared cosine of all pairs, 0 for orthogonal codes
    and 1 for identical ones (Zhao et al. 2017, equation 14)."""
    n = len(codes)
    cosines = normalize(codes, dim=1) @ normalize(codes, dim=1).T
    return (cosines.square().sum() - cosines.diagonal().square().sum()) / max(n * (n - 1), 1)
