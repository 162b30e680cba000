"""The components of zoo-vae. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """Two encoders, two generators and a bottleneck."""
    kl, tiny, cases = "zoo_vae.config:KLConfig", "zoo_vae.config:TinyConfig", "zoo_vae.cases:networks"
    target = "zoo_vae.net:Moments"
    return [
        Component("encoder", "kl", "zoo_vae.net:KLEncoder", kl, "of AutoencoderKL", cases=cases),
        Component("generator", "kl", "zoo_vae.net:KLGenerator", kl, "of AutoencoderKL", cases=cases),
        Component("encoder", "tiny", "zoo_vae.net:TinyEncoder", tiny, "of AutoencoderTiny", cases=cases),
        Component("generator", "tiny", "zoo_vae.net:TinyGenerator", tiny, "of AutoencoderTiny", cases=cases),
        Component(
            "bottleneck", "moments", target, "zoo_vae.config:MomentsConfig", "a split", cases="zoo_vae.cases:moments"
        ),
    ]
