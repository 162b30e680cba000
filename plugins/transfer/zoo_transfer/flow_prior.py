"""A normalising flow fitted to the codes of the target's images, as the GAN's prior."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    FlowPrior,
    PartSpec,
    Slot,
    Source,
    TransferError,
    TransferPlan,
    TransferStrategy,
    build_part,
    flow_cost,
    stream,
)
from zoo_transfer.configs.priors import FittedFlowConfig
from zoo_transfer.fitted_prior import plan_fitted_prior
from zoo_transfer.gan_parts import require_same_latent

__all__ = ["FittedFlow", "fit_flow"]


class FittedFlow(TransferStrategy):
    """q(z) is a flow of affine couplings (RealNVP: Dinh et al. 2017, "Density estimation using Real NVP"), fitted to
    the codes by maximum likelihood. It becomes the GAN's prior `core/flow` and is frozen."""

    slots = frozenset({Slot.PRIOR})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.CODES})

    def __init__(self, config: FittedFlowConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of every tensor of the flow."""
        require_same_latent(source, gan, "flow-prior")
        config = self.config

        def fit(context: ApplyContext, spec: PartSpec) -> dict[str, Tensor]:
            flow: FlowPrior = build_part("prior", spec, "prior", gan.code_shape, seed=config.seed)
            return fit_flow(flow, context.codes().flatten(1), config).state_dict()

        part = PartSpec("core/flow", {"layers": config.layers, "width": config.width})
        d, width = gan.code_size, config.width
        parameters = config.layers * (3 * d * width + width**2)
        cost = flow_cost(d, parameters, config.layers, config.batch, config.steps)
        return plan_fitted_prior(gan, part, "flow fitted to the codes", fit, lambda images: cost, seed=config.seed)

    def noop_config(self) -> None:
        """None: no setting makes a fitted flow N(0, I) for every autoencoder."""


def fit_flow(flow: FlowPrior, codes: Tensor, config: FittedFlowConfig) -> FlowPrior:
    """Maximise the likelihood of codes (N, d) with Adam. Raises TransferError if a code is not finite."""
    if not torch.isfinite(codes).all():
        raise TransferError("the autoencoder gives codes that are not finite numbers", "Check it: zoo verify NAME")
    rng = stream(config.seed, "flow-prior")
    flow.mean.copy_(codes.mean(0))
    flow.scale.copy_(codes.std(0, unbiased=False).clamp(min=1e-6))
    adam = torch.optim.Adam(flow.parameters(), config.learning_rate)
    with torch.enable_grad():
        for _ in range(config.steps):
            batch = codes[torch.randint(len(codes), (config.batch,), generator=rng)]
            loss = -flow.log_density(batch).mean()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
    return flow
