"""The strategy that fits a Gaussian to the codes of each class."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    PartSpec,
    Slot,
    Source,
    TransferError,
    TransferPlan,
    TransferStrategy,
    build_part,
    edit_each,
    fit_gaussian,
    memoize,
    normalise,
)
from zoo_classes.config import PerClassPriorConfig

__all__ = ["FitPerClass"]


class FitPerClass(TransferStrategy):
    """The GAN's prior becomes `classes/per-class`, fitted to the mean codes of the training images of each class."""

    slots = frozenset({Slot.PRIOR})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.CODES})

    def __init__(self, config: PerClassPriorConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of the new prior's means and scales. Raises TransferError without classes, or for other codes."""
        if gan.data.condition is None or not gan.data.condition.classes:
            raise TransferError("per-class-prior: the images have no classes", "Give labelled images.")
        if source.code_shape != gan.code_shape:
            raise TransferError(
                f"per-class-prior: the autoencoder's codes are {list(source.code_shape)}, the GAN's "
                f"{list(gan.code_shape)}",
                f"Compose the GAN with code_shape={source.code_shape}.",
            )
        spec = normalise("prior", PartSpec("classes/per-class", {"classes": gan.data.condition.width}))
        prior = build_part("prior", spec, "prior", gan.code_shape, device=next(gan.generator.parameters()).device.type)
        names = set(prior.state_dict())
        return TransferPlan(
            GAN(prior, gan.generator, gan.discriminator, gan.specs | {"prior": spec}),
            edit_each("prior", sorted(names), "fitted", "gaussian fit of each class's codes", memoize(self._fit)),
            required_tensors={"prior": names},
        )

    def noop_config(self) -> None:
        """None: no setting makes fitted Gaussians N(0, I) for every autoencoder."""

    def _fit(self, context: ApplyContext) -> dict[str, Tensor]:
        """The prior's state; labels are those of the rows whose codes are given."""
        codes, labels = context.codes().flatten(1), context.labels()
        assert labels is not None, "planning requires classes"
        classes = range(len(context.nets["prior"].state_dict()["means"]))
        fits = [fit_gaussian(codes[labels == number], self.config.ridge) for number in classes]
        means, scales = (torch.stack(values).float() for values in zip(*fits, strict=True))
        return {"means": means, "scales": scales}
