"""The networks of a release as modules that take tensors and return one tensor, which is what can be traced."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from zoo.plugin import Autoencoder, DataSpec, Discriminator, Noise, Prior, convert_samples, from_stored, unscaled

__all__ = ["Call", "DrawCodes", "FirstStageDecoder", "FirstStageEncoder", "MeanCode", "Realness", "Sampler"]


class Call(nn.Module):
    """A network as it is."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the network makes of its inputs."""
        return cast(Tensor, self.network(*inputs))


class MeanCode(nn.Module):
    """x (N, *data.shape) -> mean code (N, *code_shape)."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.encoder = autoencoder.encoder
        self.bottleneck = autoencoder.bottleneck

    def forward(self, *inputs: Tensor) -> Tensor:
        """The mean of the code's distribution."""
        return cast(Tensor, self.bottleneck(self.encoder.features(*inputs).embedding).mean)


class Realness(nn.Module):
    """x (N, *data.shape), and a condition if it takes one -> logits (N, k), higher is more real."""

    def __init__(self, discriminator: Discriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, *inputs: Tensor) -> Tensor:
        """The logits."""
        return self.discriminator.discriminate(*inputs).logits


class DrawCodes(nn.Module):
    """Noise (N, a), (N, b), and a condition if the prior takes one -> codes (N, *code_shape). Noise without numbers is
    no input."""

    def __init__(self, prior: Prior, noise: Noise) -> None:
        super().__init__()
        self.prior = prior
        self.drawn = [part.shape[1] > 0 for part in noise]

    def forward(self, *inputs: Tensor) -> Tensor:
        """The codes."""
        empty = inputs[0].new_empty(inputs[0].shape[0], 0)
        given = iter(inputs)
        noise = Noise(*(next(given) if drawn else empty for drawn in self.drawn))
        return self.prior.from_noise(noise, *given)


class FirstStageDecoder(nn.Module):
    """Codes (N, *codes.shape) as models learn them -> images (N, *images.shape) in the value range, see
    `FirstStage.decode`."""

    def __init__(self, decoder: nn.Module, codes: DataSpec, decoded: DataSpec, images: DataSpec) -> None:
        super().__init__()
        self.decoder = decoder
        self.codes, self.decoded, self.images = codes, decoded, images

    def forward(self, *inputs: Tensor) -> Tensor:
        """The images."""
        (codes,) = inputs
        x = self.decoder(unscaled(codes, self.codes))
        return convert_samples(x, self.decoded, self.images).clamp(self.images.low, self.images.high)


class FirstStageEncoder(nn.Module):
    """Images (N, *images.shape) -> codes (N, *codes.shape) as models learn them, see `FirstStage.encode`."""

    def __init__(self, encoder: nn.Module, codes: DataSpec, decoded: DataSpec, images: DataSpec) -> None:
        super().__init__()
        self.encoder = encoder
        self.codes, self.decoded, self.images = codes, decoded, images

    def forward(self, *inputs: Tensor) -> Tensor:
        """The codes."""
        (images,) = inputs
        return from_stored(self.encoder(convert_samples(images, self.images, self.decoded)), self.codes)


class Sampler(nn.Module):
    """Noise, and a condition if a part takes one -> images: prior, generator, and a first stage's decoder."""

    def __init__(
        self, prior: nn.Module, generator: nn.Module, decoder: nn.Module | None, takes: tuple[int, int]
    ) -> None:
        """`takes` says how many conditions, 0 or 1, prior and generator take."""
        super().__init__()
        self.prior, self.generator, self.decoder = prior, generator, decoder
        self.takes = takes

    def forward(self, *inputs: Tensor) -> Tensor:
        """The images."""
        noise = inputs[: len(inputs) - max(self.takes)]
        condition = inputs[len(noise) :]
        samples = self.generator(self.prior(*noise, *condition[: self.takes[0]]), *condition[: self.takes[1]])
        return cast(Tensor, samples if self.decoder is None else self.decoder(samples))
