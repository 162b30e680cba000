"""The components of zoo-efficientnet. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """A feature space for metrics, and an encoder."""
    return [
        Component(
            "metric",
            "efficientnet",
            "zoo_efficientnet.judge:EfficientNetFeatures",
            "zoo_efficientnet.config:JudgeConfig",
            "features of EfficientNet-Lite0, trained on ImageNet; for photographs",
        ),
        Component(
            "encoder",
            "efficientnet",
            "zoo_efficientnet.encoder:EfficientNetEncoder",
            "zoo_efficientnet.config:EncoderConfig",
            "EfficientNet-Lite0, pretrained on ImageNet or fresh",
            cases="zoo_efficientnet.cases:encoders",
        ),
    ]
