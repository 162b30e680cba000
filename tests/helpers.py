"""Small models for tests of training and transfer."""

from __future__ import annotations

from pathlib import Path

import zoo
from zoo.networks.autoencoder import Autoencoder
from zoo.types import PartSpec

ARCHITECTURES = {
    "mlp": (PartSpec("mlp", {"widths": [24, 16]}), PartSpec("mlp", {"widths": [16, 24]})),
    "dcgan": (PartSpec("dcgan", {"width": 4}), PartSpec("dcgan", {"width": 4})),
}
SHAPE = (1, 8, 8)


def autoencoder(
    arch: str = "dcgan", *, seed: int = 0, bottleneck: str = "gaussian", device: str = "cpu"
) -> Autoencoder:
    """A tiny autoencoder of 8 px grey images with 6 values a code."""
    encoder, generator = ARCHITECTURES[arch]
    return zoo.autoencoder(
        encoder, generator, bottleneck=bottleneck, shape=SHAPE, code_shape=6, seed=seed, device=device
    )


def states_equal(a, b) -> bool:  # type: ignore[no-untyped-def]
    """Whether two modules hold the same values, bit for bit."""
    import torch

    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def released(
    folder: Path,
    name: str = "dcgan.blobs",
    version: str = "1.0.0",
    source: Autoencoder | None = None,
    license: str = "CC0-1.0",
) -> Path:
    """A whole release of a tiny untrained pair, written by hand: the parts, test vectors, a picture and a card. The
    GAN is like the autoencoder `source`."""
    import torch

    from zoo import plugins
    from zoo._utils.tensors import pack
    from zoo.networks.vectors import record_vectors
    from zoo.release.card import card
    from zoo.release.folder import pin_file, write_release
    from zoo.release.manifest import Manifest, PartEntry, Sampling
    from zoo.types import Metric

    ae = source or autoencoder()
    gan = zoo.gan(like=ae, seed=0)
    files, parts = {}, {}
    for model in (ae.eval(), gan.eval()):
        for role, module in model.parts.items():
            spec = model.specs[role]
            kind = {"decoder": "generator", "discriminator": "encoder"}.get(role, role)
            plugin = plugins.find_component(kind, spec.component).plugin
            file = f"{role}.safetensors"
            files[file] = pack(module.state_dict(), {"role": role})
            pin = pin_file(files[file])
            parts[role] = PartEntry(
                role, spec.component, plugin.recorded, dict(spec.config), file, pin.sha256, pin.size, 1
            )
    rng = torch.Generator().manual_seed(0)
    x, z = torch.rand(4, *SHAPE, generator=rng) * 2 - 1, torch.randn(4, 6, generator=rng)
    others = {"vectors.safetensors": pack(record_vectors(ae, gan, x, z), {}), "samples.png": b"\x89PNG"}
    metric = Metric("kid", 0.25, 100, 100, "blobs", "held out", "starter/judge@0123456789ab", 0.0, (0.2, 0.3))
    facts = {"sampling": Sampling(), "metrics": (metric,), "files": {n: pin_file(d) for n, d in others.items()}}
    manifest = Manifest(name, version, license, ae.data, (6,), parts, **facts)
    others["README.md"] = card(manifest).encode()
    facts["files"] = {n: pin_file(d) for n, d in others.items()}
    manifest = Manifest(name, version, license, ae.data, (6,), parts, **facts)
    write_release(folder, manifest, files | others)
    return folder
