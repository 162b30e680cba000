"""The time of an autoencoder's training step, compared with pythae: the same VAE, batch, optimiser and images in
memory.

    python benchmarks/ae_step.py --rounds 7 --steps 4 --write docs/appendix/speed.md      (pip install pythae)

Of pythae, `BaseTrainer.train_step` is timed: its loader and loop, without checkpoints and logs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from gan_step import torchs_layers
from side_by_side import Setup, argument_parser, record, report
from torch import Tensor, nn

import zoo
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.networks.autoencoder import Autoencoder
from zoo.training.autoencoder import AutoencoderTrainer
from zoo.training.devices import Engine
from zoo.training.recipe import AutoencoderTraining, EngineSection
from zoo.types import PartSpec

BATCH, LATENT, RATE = 64, 64, 1e-3


def model(arch: str, width: int, size: int) -> Autoencoder:
    """A VAE of one-channel images: convolutions, or dense layers of `width` x 16."""
    config = {"width": width} if arch == "dcgan" else {"widths": [16 * width, 16 * width]}
    part = PartSpec(arch, config)
    return zoo.autoencoder(part, part, shape=(1, size, size), code_shape=LATENT)


def images_of(size: int, count: int) -> ImageSet:
    """Random images."""
    pixels = torch.randint(0, 256, (count, 1, size, size), dtype=torch.uint8)
    none = torch.empty(0, dtype=torch.int64)
    spec = model("dcgan", 4, size).data
    return ImageSet("random", spec, pixels, None, torch.arange(count), none, "CC0-1.0", "")


def ours(net: Autoencoder, images: ImageSet, steps: int, **engine: Any) -> Callable[[], None]:
    """The trainer's step, with the order of the data; losses are read at the end, as the training loop does."""
    training = AutoencoderTraining(objective="core/vae", batch=BATCH, learning_rate=RATE)
    trainer = AutoencoderTrainer(net, images, training, 0, Engine(EngineSection(device="cpu", **engine)))
    batches = Batches(images.train, BATCH, trainer.streams["data"])

    def run() -> None:
        pending = [trainer.step(batches.next(), 0) for _ in range(steps)]
        {key: torch.stack([one[key] for one in pending]).mean().item() for key in pending[0]}

    return run


def pythae(net: Autoencoder, images: ImageSet, folder: str) -> Callable[[], None]:
    """pythae's trainer over one epoch of the same number of batches."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self, encoder: nn.Module, bottleneck: nn.Module) -> None:
            super().__init__()
            self.encoder, self.bottleneck, self.code_shape = encoder, bottleneck, LATENT

        def forward(self, x: Tensor) -> Any:
            mean, logvar = self.bottleneck(self.encoder.features(x).embedding)  # type: ignore[operator]
            return ModelOutput(embedding=mean, log_covariance=logvar)

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self, decoder: nn.Module) -> None:
            super().__init__()
            self.decoder = decoder

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.decoder(z))

    config = VAEConfig(input_dim=images.spec.shape, code_shape=LATENT)
    vae = VAE(config, Encoder(net.encoder, net.bottleneck), Decoder(net.decoder))
    settings = BaseTrainerConfig(
        output_dir=folder, per_device_train_batch_size=BATCH, learning_rate=RATE, num_epochs=1, no_cuda=True
    )
    floats = images.batch(images.train)
    trainer = BaseTrainer(vae, BaseDataset(floats, torch.zeros(len(floats))), training_config=settings)
    trainer.prepare_training()
    return lambda: trainer.train_step(1)


OPTIONS: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours, channels_last": {"channels_last": True},
    "ours, bf16": {"precision": "bf16"},
}


def prepare(name: str, arch: str, width: int, size: int, steps: int) -> Callable[[], None]:
    """The function to time. pythae computes the same network with torch's own layers, as its users do."""
    net, images = model(arch, width, size), images_of(size, BATCH * steps)
    if name in OPTIONS:
        return ours(net, images, steps, **OPTIONS[name])
    return pythae(net if name == "pythae, our layers" else torchs_layers(net), images, tempfile.mkdtemp())


def main() -> None:
    """Compare dense and convolutional networks."""
    options = argument_parser(__doc__, steps=8).parse_args()
    lines: list[str] = []
    for arch, width, size in (("mlp", 16, 32), ("dcgan", 32, 32)):
        setup = partial(prepare, arch=arch, width=width, size=size, steps=options.steps)
        names = (*OPTIONS, "pythae", *(("pythae, our layers",) if arch == "dcgan" else ()))
        setups: dict[str, Setup] = {name: partial(setup, name) for name in names}
        title = f"{arch}, width {width}; "
        lines += report(setups, options, options.steps * BATCH, ("ours", "ours, bf16"), {"pythae": 1.2}, title)
    record(options.write, "ae_step", lines)


if __name__ == "__main__":
    main()
