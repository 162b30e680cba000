"""The components of zoo-vae. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """Two encoders, two generators and a bottleneck."""
    config, cases = "zoo_vae.config:NetworkConfig", "zoo_vae.cases:networks"
    target = "zoo_vae.net:Moments"
    return [
        Component("encoder", "kl", "zoo_vae.net:KLEncoder", config, "of AutoencoderKL", cases=cases),
        Component("generator", "kl", "zoo_vae.net:KLGenerator", config, "of AutoencoderKL", cases=cases),
        Component("encoder", "tiny", "zoo_vae.net:TinyEncoder", config, "of AutoencoderTiny", cases=cases),
        Component("generator", "tiny", "zoo_vae.net:TinyGenerator", config, "of AutoencoderTiny", cases=cases),
        Component(
            "bottleneck", "moments", target, "zoo_vae.config:MomentsConfig", "a split", cases="zoo_vae.cases:moments"
        ),
    ]
