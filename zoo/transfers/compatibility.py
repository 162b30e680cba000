"""Which generators, discriminators and released GANs are compatible with an autoencoder, and why others are not."""

from __future__ import annotations

from dataclasses import dataclass

from zoo import plugins
from zoo.config import settings_of
from zoo.errors import ZooError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import gan
from zoo.registry.index import load_registry

__all__ = ["Compatibility", "check_compatibility"]


@dataclass(frozen=True, slots=True)
class Compatibility:
    """A component or a release; `why` is the reason why it is not compatible, or empty. `weights`: whether it has the
    layers of the autoencoder's own network, so that the weights can be copied unchanged."""

    kind: str
    name: str
    weights: bool
    why: str = ""

    @property
    def fits(self) -> bool:
        """Whether a GAN can be composed of it and the autoencoder's other parts."""
        return not self.why


def check_compatibility(autoencoder: Autoencoder) -> list[Compatibility]:
    """Check every generator and discriminator with its default settings, on the meta device, and every released GAN;
    compatible ones come first. Families of components are left out.
    """
    results = []
    for kind in ("generator", "discriminator", "encoder"):
        same = autoencoder.specs["decoder" if kind == "generator" else "encoder"].component
        for registered in plugins.components(kind):
            if registered.component.names:
                continue
            needs = [s.name for s in settings_of(plugins.config_class(registered)) if s.default == "required"]
            if needs:
                why = f"a strategy puts it around another {needs[0]}"
            else:
                why = _why(autoencoder, "generator" if kind == "generator" else "discriminator", registered.id)
            results.append(Compatibility(kind, registered.id, registered.id == same, why))
    for entry in load_registry().models():
        if "gan" in entry.parts:
            reasons = []
            if entry.data.shape != autoencoder.data.shape:
                reasons.append(f"samples are {list(entry.data.shape)}, not {list(autoencoder.data.shape)}")
            if entry.code_shape != autoencoder.code_shape:
                reasons.append(f"codes are {list(entry.code_shape)}, not {list(autoencoder.code_shape)}")
            results.append(Compatibility("release", entry.name, not reasons, "; ".join(reasons)))
    return sorted(results, key=lambda result: not result.fits)


def _why(autoencoder: Autoencoder, role: str, component: str) -> str:
    """Why the component cannot be composed with the rest of the autoencoder; empty if it can."""
    is_generator = role == "generator"
    try:
        gan(component if is_generator else None, None if is_generator else component, like=autoencoder, device="meta")
    except ZooError as error:
        return error.message
    return ""
