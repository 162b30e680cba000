"""`--strategy auto`: a strategy from what can be known before training, and why.

What is looked at: whether the nets' layers fit (or a bridge carries them), how many images there are, how well the
autoencoder reconstructs them, whether its codes lie where N(0, I) is, and whether its features tell real images from
what its decoder makes of codes drawn like them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo._utils.seeds import stream
from zoo.data.convert import convert_samples
from zoo.data.images import ImageSet
from zoo.errors import TransferError, UnknownName
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.networks.utils import evaluating
from zoo.transfers.strategies import plan, resolve_strategies
from zoo.transfers.weight_mapping import name_of
from zoo.types import PartSpec

__all__ = ["Advice", "Evidence", "advise", "components", "measure_evidence", "probe_of"]

_GAUSSIAN = "gaussian-prior"
_FEW = 1_000
_MIXTURE = 100
"""From so many images on a mixture's samples were as good as a Gaussian's or better (docs/objectives.md); fewer were
not measured."""
_GAP = 0.15
"""At 0.11 a fitted prior ended worse than none, at 0.20 alike, at 0.58 far better (docs/objectives.md)."""
_KNOWN = 0.25
"""Autoencoders that left up to 0.12 of the images' variance made good anchors, one that left 0.31 a poor one
(RESULTS.md); where between them the line is was not measured."""
_CODES_EACH = 20
_MOST = 200
"""With one component for 20 codes samples are as far from the images learnt from as unseen images are; with one for 8
they are nearer (RESULTS.md)."""
_LOOKED_AT = 512


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured: the images to learn from; the autoencoder's squared error on them over their variance; how far
    the codes' second moments are from those of N(0, I), 0 for equal; how often a linear probe of its features tells
    real from decoded images that it was not fitted on, 0.5 for never."""

    images: int
    error: float
    prior_gap: float
    probe: float


@dataclass(frozen=True, slots=True)
class Advice:
    """The strategies to use and the reasons, one a line."""

    strategy: tuple[PartSpec, ...]
    reasons: tuple[str, ...]


def advise(source: Autoencoder, gan: GAN, evidence: Evidence | None) -> Advice:
    """Choose strategies; without evidence from the structures alone."""
    parts: list[PartSpec] = []
    reasons: list[str] = []
    fits = {name: _fits(source, gan, name) for name in ("decoder-init", "encoder-init")}
    poor = evidence is not None and evidence.error > 1.0
    if poor and evidence is not None:
        reasons.append(
            f"the autoencoder reconstructs these images worse than their mean would (error {evidence.error:.2f} of the "
            "variance): its weights are a start and nothing is held to it. Let it learn them first: zoo transfer "
            "--adapt 12800"
        )
    reads_codes = fits["decoder-init"] is None and _reads_codes(source, gan)
    if fits["decoder-init"] is None and evidence is not None and not poor and not reads_codes:
        fits["decoder-init"] = "the generator's first layer would stay fresh, and codes mean nothing to it"
    for name, part in (("decoder-init", "the decoder's layers fit G"), ("encoder-init", "the encoder's layers fit D")):
        why = fits[name]
        if why is None:
            parts.append(PartSpec(name))
        reasons.append(f"{name}: {part}" if why is None else f"no {name}: {why}")
    copied = fits["decoder-init"] is None
    taught = not copied and not poor
    if taught and evidence is not None:
        parts.append(PartSpec("decoder-distill"))
        reasons.append("decoder-distill: the generator learns the decoder's images before the game begins")
    elif taught:
        parts.append(PartSpec("feature-distill", {"discriminator": 0.0}))
        reasons.append("feature-distill: the generator learns the decoder's images along the way")
    if poor:
        reasons.append("N(0, I) is kept: a prior fitted to codes of images that it does not know misleads")
    elif copied and not reads_codes:
        reasons.append("N(0, I) is kept: the generator's first layer is fresh and takes any codes")
    elif evidence is not None and (copied or taught) and source.latent_dim == gan.latent_dim:
        if evidence.prior_gap > _GAP:
            mixed = evidence.images >= _MIXTURE
            parts.append(
                PartSpec("gmm-prior", {"components": components(evidence.images)}) if mixed else PartSpec(_GAUSSIAN)
            )
            reasons.append(
                f"{parts[-1].component}: the codes are not N(0, I) (second moments off by {evidence.prior_gap:.2f})"
            )
        else:
            reasons.append(f"N(0, I) is kept: the codes follow it (second moments off by {evidence.prior_gap:.2f})")
    elif evidence is not None and copied and source.latent_dim > gan.latent_dim:
        parts.append(PartSpec(_GAUSSIAN))
        reasons.append(f"gaussian-prior: {source.latent_dim} values a code are projected to {gan.latent_dim}")
    elif evidence is not None and copied and evidence.prior_gap > _GAP:
        parts.append(PartSpec(_GAUSSIAN))
        reasons.append(
            f"gaussian-prior: the codes are not N(0, I) (second moments off by {evidence.prior_gap:.2f}), and "
            f"{source.latent_dim} values a code enter a generator that takes {gan.latent_dim}"
        )
    whole = (taught or reads_codes) and source.data.shape == gan.data.shape
    if evidence is not None and whole and not poor and _fits(source, gan, "recon-anchor") is None:
        if evidence.error <= _KNOWN:
            parts.append(PartSpec("recon-anchor"))
            reasons.append(f"recon-anchor: the autoencoder knows these images (error {evidence.error:.2f})")
        else:
            reasons.append(
                f"the autoencoder does not know these images well (error {evidence.error:.2f} of their variance): let "
                "it learn them first, zoo transfer --adapt 12800"
            )
    if evidence is not None and fits["encoder-init"] is None:
        reasons.append(f"a linear probe of its features tells real from decoded images in {evidence.probe:.0%}")
        if evidence.images < _FEW and evidence.probe > 0.7:
            parts.append(PartSpec("freeze-lower", {"stages": 1}))
            reasons.append(f"freeze-lower: {evidence.images} images are few, and the features tell enough")
    if evidence is not None and evidence.images < _FEW:
        reasons.append(f"{evidence.images} images are few: consider --set augment=colour+translation")
    if not parts:
        parts.append(PartSpec("scratch"))
        reasons.append("scratch: nothing of this autoencoder fits this GAN")
    return Advice(tuple(parts), tuple(f"auto: {reason}" for reason in reasons))


@torch.no_grad()
def measure_evidence(source: Autoencoder, gan: GAN, images: ImageSet) -> Evidence:
    """Measure on at most 512 of the images to learn from; draws from streams of its own."""
    rows = images.train[torch.randperm(len(images.train), generator=stream(0, "auto/rows"))[:_LOOKED_AT]]
    x = convert_samples(images.batch(rows), gan.data, source.data)
    with evaluating(source):
        codes, moments = [], []
        for part in x.split(64):
            mean, logvar = source.posterior(part)
            codes.append(mean)
            moments.append(mean.square() + (logvar.exp() if logvar is not None else 0.0))
        code = torch.cat(codes)
        error = (source.decode(code) - x).square().mean() / x.var(0, unbiased=False).mean().clamp(min=1e-12)
        gap = (torch.cat(moments).mean(0) - 1).abs().mean() + code.mean(0).square().mean()
        noise = torch.randn(code.shape, generator=stream(0, "auto/codes"))
        decoded = source.decode(code.mean(0) + noise * code.std(0, unbiased=False))
        probe = probe_of(_embed(source, x), _embed(source, decoded))
    return Evidence(len(images.train), error.item(), gap.item(), probe)


def components(images: int) -> int:
    """Of a mixture for so many images."""
    return max(2, min(_MOST, images // _CODES_EACH))


def _fits(source: Autoencoder, gan: GAN, strategy: str) -> str | None:
    """None, or why the strategy is refused."""
    try:
        plan(source, gan, resolve_strategies(strategy))
    except (TransferError, UnknownName) as error:
        return error.message
    return None


def _reads_codes(source: Autoencoder, gan: GAN) -> bool:
    """Whether `decoder-init` fills the generator's first layer; where it has none, all of it is meant."""
    first = gan.generator.first
    if not isinstance(first, nn.Module):
        return True
    name = f"{name_of(first, gan.generator)}.weight"
    return any(edit.tensor == name for edit in plan(source, gan, resolve_strategies("decoder-init")).edits)


def _embed(source: Autoencoder, x: Tensor) -> Tensor:
    return torch.cat([source.encoder.features(part).embedding for part in x.split(64)])


def probe_of(real: Tensor, fake: Tensor) -> float:
    """The accuracy, on every other row, of ridge regression fitted on the rest."""
    features = torch.cat([real, fake]).double()
    features = (features - features.mean(0)) / features.std(0, unbiased=False).clamp(min=1e-6)
    features = torch.cat([features, torch.ones(len(features), 1, dtype=torch.float64)], 1)
    target = torch.cat([torch.ones(len(real)), -torch.ones(len(fake))]).double()
    fit, held = features[::2], features[1::2]
    gram = fit.T @ fit + len(fit) * 0.1 * torch.eye(fit.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(gram, fit.T @ target[::2])
    right = (held @ weights).sign() == target[1::2]
    return float(right.double().mean())
