"""Which generators, discriminators and released GANs go with an autoencoder, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass

from zoo import plugins
from zoo.config import settings_of
from zoo.errors import ZooError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import gan
from zoo.registry.index import load_registry

__all__ = ["Fit", "fits"]


@dataclass(frozen=True, slots=True)
class Fit:
    """A component or a release; it fits if `why` is empty. `weights`: whether it can take the weights as they are."""

    kind: str
    name: str
    weights: bool
    why: str = ""

    @property
    def fits(self) -> bool:
        """Whether a GAN can be composed of it and the autoencoder's other parts."""
        return not self.why


def fits(autoencoder: Autoencoder) -> list[Fit]:
    """Every generator and discriminator by its default settings, composed on the meta device; every released GAN.

    Families of components (many names under one) are left out.
    """
    found = []
    for kind in ("generator", "discriminator", "encoder"):
        same = autoencoder.specs["decoder" if kind == "generator" else "encoder"].component
        for registered in plugins.components(kind):
            if registered.component.names:
                continue
            given = {"generator" if kind == "generator" else "discriminator": registered.id}
            needs = [one.name for one in settings_of(plugins.config_class(registered)) if one.default == "required"]
            why = f"a strategy puts it around another {needs[0]}" if needs else _why(autoencoder, given)
            found.append(Fit(kind, registered.id, registered.id == same, why))
    for entry in load_registry().models():
        if "gan" in entry.parts:
            reasons = []
            if entry.data.shape != autoencoder.data.shape:
                reasons.append(f"samples are {list(entry.data.shape)}, not {list(autoencoder.data.shape)}")
            if entry.latent_dim != autoencoder.latent_dim:
                reasons.append(f"codes have {entry.latent_dim} values, not {autoencoder.latent_dim}")
            found.append(Fit("release", entry.name, not reasons, "; ".join(reasons)))
    return sorted(found, key=lambda fit: not fit.fits)


def _why(autoencoder: Autoencoder, given: dict[str, str]) -> str:
    try:
        gan(
            given.get("generator"),
            given.get("discriminator"),
            like=autoencoder,
            device="meta",
        )
    except ZooError as error:
        return error.message
    return ""
