"""The components of zoo-classes. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """A GAN's three parts, and a strategy that fits the prior."""
    network, cases = "zoo_classes.config:NetworkConfig", "zoo_classes.cases:networks"
    return [
        Component("generator", "joined", "zoo_classes.net:JoinedGenerator", network, "z and the class", cases=cases),
        Component(
            "discriminator",
            "projection",
            "zoo_classes.net:ProjectionDiscriminator",
            network,
            "Miyato and Koyama 2018",
            cases=cases,
        ),
        Component(
            "prior",
            "per-class",
            "zoo_classes.prior:PerClassPrior",
            "zoo_classes.config:PriorConfig",
            "a Gaussian for each class, fitted",
            cases="zoo_classes.cases:priors",
        ),
        Component(
            "transfer",
            "per-class-prior",
            "zoo_classes.strategy:FitPerClass",
            "zoo_classes.config:PerClassPriorConfig",
            "the prior per-class, fitted to the codes",
            cases="zoo_classes.cases:strategies",
        ),
    ]
