"""The components of zoo-timm. Imports neither torch nor timm."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """Every model of the installed timm, as an encoder and as a feature space for metrics."""
    return [
        Component(
            "encoder",
            "*",
            "zoo_timm.encoder:TimmEncoder",
            "zoo_timm.config:TimmConfig",
            "any timm backbone, such as timm/resnet18",
            names="zoo_timm.names:names",
            cases="zoo_timm.config:cases",
        ),
        Component(
            "metric",
            "*",
            "zoo_timm.space:TimmSpace",
            "zoo_timm.config:TimmSpaceConfig",
            "features of any pretrained timm backbone, for KID, FID and recall",
            names="zoo_timm.names:names",
        ),
    ]
