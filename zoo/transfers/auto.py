"""`--strategy auto`: choose strategies from measurements before training, and give the reasons.

Measured are: whether the layers can be mapped, how many images there are, how well the autoencoder reconstructs them,
how far its codes are from N(0, I), and how well a linear probe of its features separates real images from decoded ones.
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
from zoo.transfers.class_decoder import require_decoders_classes
from zoo.transfers.strategies import plan, resolve_strategies
from zoo.transfers.weight_mapping import name_of
from zoo.types import PartSpec

__all__ = ["Advice", "Evidence", "advise", "measure_evidence", "mixture_components", "probe_accuracy"]

_GAUSSIAN = "gaussian-prior"
_FEW_IMAGES = 1_000
_MIXTURE_IMAGES = 100
"""From this many images on, a mixture prior was as good as a Gaussian or better (docs/appendix/auto-thresholds.md);
fewer images were not measured."""
_PRIOR_GAP = 0.15
"""At a gap of 0.11 a fitted prior was worse than N(0, I), at 0.20 equal, at 0.58 much better
(docs/appendix/auto-thresholds.md)."""
_ANCHOR_ERROR = 0.25
"""Autoencoders with a relative error up to 0.12 made good anchors, one with 0.31 a poor one (RESULTS.md); values in
between were not measured."""
_CODES_PER_COMPONENT = 20
_MOST_COMPONENTS = 200
"""With one component per 20 codes, samples are as far from the training images as held-out images are; with one per 8
codes they are nearer (RESULTS.md)."""
_SAMPLE = 512


@dataclass(frozen=True, slots=True)
class Evidence:
    """Measurements on the images. `images`: how many there are to learn from; `error`: the autoencoder's squared error
    on held-out images over their variance; `prior_gap`: the distance of the codes' second moments from those of
    N(0, I), 0 if equal; `probe`: the accuracy of a linear probe that separates real from decoded images, 0.5 for
    chance."""

    images: int
    error: float
    prior_gap: float
    probe: float


@dataclass(frozen=True, slots=True)
class Advice:
    """The strategies to use, and the reasons, one per line."""

    strategy: tuple[PartSpec, ...]
    reasons: tuple[str, ...]


def advise(source: Autoencoder, gan: GAN, evidence: Evidence | None) -> Advice:
    """Choose strategies; without evidence, from the structures alone."""
    parts: list[PartSpec] = []
    reasons: list[str] = []
    refusals = {name: _refusal(source, gan, name) for name in ("decoder-init", "encoder-init")}
    poor = evidence is not None and evidence.error > 1.0
    if poor and evidence is not None:
        reasons.append(
            f"the autoencoder reconstructs these images worse than their mean would (error {evidence.error:.2f} of the "
            "variance): only its weights are used, as an initialisation. Let it learn the images first: zoo transfer "
            "--adapt 12800"
        )
    reads_codes = refusals["decoder-init"] is None and _reads_codes(source, gan)
    if refusals["decoder-init"] is None and evidence is not None and not poor and not reads_codes:
        refusals["decoder-init"] = "the generator's first layer would stay fresh, and codes mean nothing to it"
    for name, reason in (
        ("decoder-init", "the decoder's layers fit G"),
        ("encoder-init", "the encoder's layers fit D"),
    ):
        if refusals[name] is None:
            parts.append(PartSpec(name))
            reasons.append(f"{name}: {reason}")
        else:
            reasons.append(f"no {name}: {refusals[name]}")
    copied = refusals["decoder-init"] is None
    distilled = not copied and not poor
    if distilled and evidence is not None:
        parts.append(PartSpec("decoder-distill"))
        reasons.append("decoder-distill: the generator learns the decoder's images before adversarial training")
    elif distilled:
        parts.append(PartSpec("feature-distill", {"discriminator": 0.0}))
        reasons.append("feature-distill: the generator learns the decoder's images during adversarial training")
    if poor:
        reasons.append("N(0, I) is kept: a prior fitted to the codes of such images would mislead")
    elif copied and not reads_codes:
        reasons.append("N(0, I) is kept: the generator's first layer is fresh and takes any codes")
    elif evidence is not None and (copied or distilled):
        prior, prior_reason = _choose_prior(source.code_size, gan.code_size, evidence, copied)
        parts += prior
        reasons += prior_reason
    same_shape = source.data.shape == gan.data.shape
    can_anchor = not poor and (distilled or reads_codes) and same_shape
    if evidence is not None and can_anchor and _refusal(source, gan, "recon-anchor") is None:
        if evidence.error <= _ANCHOR_ERROR:
            parts.append(PartSpec("recon-anchor"))
            reasons.append(f"recon-anchor: the autoencoder knows these images (error {evidence.error:.2f})")
        else:
            reasons.append(
                f"the autoencoder does not know these images well (error {evidence.error:.2f} of their variance): let "
                "it learn them first, zoo transfer --adapt 12800"
            )
    if evidence is not None and refusals["encoder-init"] is None:
        reasons.append(f"a linear probe of its features tells real from decoded images in {evidence.probe:.0%}")
        if evidence.images < _FEW_IMAGES and evidence.probe > 0.7:
            parts.append(PartSpec("freeze-lower", {"stages": 1}))
            reasons.append(f"freeze-lower: {evidence.images} images are few, and the features are good enough")
    if evidence is not None and evidence.images < _FEW_IMAGES:
        reasons.append(f"{evidence.images} images are few: augmentation helps most there (--set augment=...)")
    if not parts:
        parts.append(PartSpec("scratch"))
        reasons.append("scratch: nothing of this autoencoder fits this GAN")
    return Advice(tuple(parts), tuple(f"auto: {reason}" for reason in reasons))


def _choose_prior(values: int, target: int, evidence: Evidence, copied: bool) -> tuple[list[PartSpec], list[str]]:
    """The prior for a generator that reads codes of `values` values as `target` values, and the reason, if any."""
    gap = f"(second moments off by {evidence.prior_gap:.2f})"
    if values == target and evidence.prior_gap <= _PRIOR_GAP:
        return [], [f"N(0, I) is kept: the codes follow it {gap}"]
    if values == target:
        prior = PartSpec(_GAUSSIAN)
        if evidence.images >= _MIXTURE_IMAGES:
            prior = PartSpec("gmm-prior", {"components": mixture_components(evidence.images)})
        return [prior], [f"{prior.component}: the codes are not N(0, I) {gap}"]
    if copied and values > target:
        return [PartSpec(_GAUSSIAN)], [f"gaussian-prior: {values} values a code are projected to {target}"]
    if copied and evidence.prior_gap > _PRIOR_GAP:
        reason = f"gaussian-prior: the codes are not N(0, I) {gap}, and"
        return [PartSpec(_GAUSSIAN)], [f"{reason} {values} values a code enter a generator that takes {target}"]
    return [], []


@torch.no_grad()
def measure_evidence(source: Autoencoder, gan: GAN, images: ImageSet) -> Evidence:
    """Measure on at most 512 training images, and the error on as many held-out ones. Random numbers come
    from streams of its own, with a fixed seed."""
    require_decoders_classes(source, gan, "auto")
    rows = images.train[torch.randperm(len(images.train), generator=stream(0, "auto/rows"))[:_SAMPLE]]
    x = convert_samples(images.batch(rows), gan.data, source.data)
    with evaluating(source):
        codes, moments = [], []
        for chunk in x.split(64):
            mean, logvar = source.posterior(chunk)
            codes.append(mean)
            moments.append(mean.square() + (logvar.exp() if logvar is not None else 0.0))
        code = torch.cat(codes)
        gap = (torch.cat(moments).mean(0) - 1).abs().mean() + code.mean(0).square().mean()
        noise = torch.randn(code.shape, generator=stream(0, "auto/codes"))
        drawn = code.mean(0) + noise * code.std(0, unbiased=False)
        decoded = source.decode(drawn, condition=images.conditions(rows))
        probe = probe_accuracy(_embed(source, x), _embed(source, decoded))
    return Evidence(len(images.train), _held_out_error(source, gan, images), gap.item(), probe)


def _held_out_error(source: Autoencoder, gan: GAN, images: ImageSet) -> float:
    """The squared error of reconstructions over the variance, on at most 512 held-out images."""
    rows = images.to_measure(_SAMPLE)
    x = convert_samples(images.batch(rows), gan.data, source.data)
    variance = x.var(0, unbiased=False).mean().clamp(min=1e-12)
    return float((source.reconstruct(x, condition=images.conditions(rows)) - x).square().mean() / variance)


def mixture_components(images: int) -> int:
    """How many components a mixture prior for this many images has."""
    return max(2, min(_MOST_COMPONENTS, images // _CODES_PER_COMPONENT))


def _refusal(source: Autoencoder, gan: GAN, strategy: str) -> str | None:
    """Why the strategy cannot be planned; None if it can."""
    try:
        plan(source, gan, resolve_strategies(strategy))
    except (TransferError, UnknownName) as error:
        return error.message
    return None


def _reads_codes(source: Autoencoder, gan: GAN) -> bool:
    """Whether `decoder-init` fills the generator's first layer, so that G reads the codes; true if it declares none."""
    first = gan.generator.first
    if not isinstance(first, nn.Module):
        return True
    name = f"{name_of(first, gan.generator)}.weight"
    return any(edit.tensor == name for edit in plan(source, gan, resolve_strategies("decoder-init")).edits)


def _embed(source: Autoencoder, x: Tensor) -> Tensor:
    return torch.cat([source.encoder.features(chunk).embedding for chunk in x.split(64)])


def probe_accuracy(real: Tensor, fake: Tensor) -> float:
    """The accuracy of ridge regression on features (N, d) and (M, d): fitted on every other row, tested on the rest."""
    features = torch.cat([real, fake]).double()
    features = (features - features.mean(0)) / features.std(0, unbiased=False).clamp(min=1e-6)
    features = torch.cat([features, torch.ones(len(features), 1, dtype=torch.float64)], 1)
    target = torch.cat([torch.ones(len(real)), -torch.ones(len(fake))]).double()
    train, test = features[::2], features[1::2]
    gram = train.T @ train + len(train) * 0.1 * torch.eye(train.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(gram, train.T @ target[::2])
    correct = (test @ weights).sign() == target[1::2]
    return float(correct.double().mean())
