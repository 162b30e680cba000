"""The time of a GAN's training step, compared with other loops: equal networks (DCGAN), losses and optimiser settings.

    python benchmarks/gan_step.py --rounds 7 --steps 4 --write docs/appendix/speed.md

- ours: with default settings, `--set engine.channels_last=true` and `--set engine.precision=bf16`. - bare: a
hand-written loop of the same algorithm (one forward pass of G for both sides, D's weights without gradient in G's step,
fused Adam, a moving average of G), on the same images in memory, with our layers and allocator settings. The difference
is the framework's overhead. - examples: the loop of the PyTorch examples' dcgan/main.py (two backward passes for D, G's
through D's weights, losses read every step), on data in memory; and with its loader, as a user runs it: ImageFolder,
transforms, workers. - torchgan: its `Trainer.train_iter`, if torchgan is installed (pip install torchgan).

The last two compute the same networks with torch's own layers, as their users do; torchgan also with ours. `--memory`
compares the peak memory of training processes, ours with a bare one (64 px).
"""

from __future__ import annotations

import copy
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from side_by_side import Setup, argument_parser, record, report
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus
from zoo_dcgan.strided import StridedConv2d, StridedConvTranspose2d

import zoo
from zoo.config import from_plain
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.networks.gan import GAN
from zoo.training.devices import Engine, retain_freed_memory
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining, EngineSection
from zoo.transfers.plan import TransferPlan
from zoo.types import PartSpec

BATCH = 64
LATENT = 100
RATE, BETAS = 2e-4, (0.5, 0.999)


def nets(size: int, width: int, norm: str = "group") -> GAN:
    """A DCGAN of 3 channels."""
    generator, encoder = PartSpec("dcgan", {"width": width, "norm": norm}), PartSpec("dcgan", {"width": width})
    return zoo.gan(generator, encoder, shape=(3, size, size), code_shape=LATENT)


def torchs_layers(module: nn.Module) -> nn.Module:
    """Replace the module's strided convolutions by torch's own, with the same weights; returns the module."""
    for name, child in module.named_children():
        if isinstance(child, (StridedConv2d, StridedConvTranspose2d)):
            kind = nn.Conv2d if isinstance(child, StridedConv2d) else nn.ConvTranspose2d
            plain = kind(child.in_channels, child.out_channels, 4, stride=2, padding=1, bias=child.bias is not None)
            plain.weight, plain.bias = child.weight, child.bias
            setattr(module, name, plain)
        else:
            torchs_layers(child)
    return module


def bytes_of(size: int, count: int = 2_000) -> ImageSet:
    """Random images."""
    spec = nets(size, 4).data
    pixels = torch.randint(
        0, 256, (count, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    none = torch.empty(0, dtype=torch.int64)
    return ImageSet("random", spec, pixels, None, torch.arange(count), none, "CC0-1.0", "")


def training(**changes: Any) -> AdversarialTraining:
    """The training settings that every implementation uses."""
    settings: dict[str, Any] = {"objective": "core/non-saturating", "regulariser": "none", "batch": BATCH}
    settings |= {"generator_lr": RATE, "discriminator_lr": RATE, "beta1": BETAS[0], "beta2": BETAS[1]}
    settings["gradient_limit"] = 0.0  # the others do not clip gradients
    return from_plain(AdversarialTraining, settings | changes, "training")


def ours(
    gan: GAN, images: ImageSet, steps: int, engine: EngineSection | None = None, **changes: Any
) -> Callable[[], None]:
    """The trainer's step, with the order of the data; losses are read at the end, as the training loop does."""
    trainer = GANTrainer(TransferPlan(gan), images, training(**changes), 0, Engine(engine or EngineSection("cpu")))
    batches = Batches(images.train, BATCH, trainer.streams["data"])
    shown = 0

    def run() -> None:
        nonlocal shown
        pending = []
        for _ in range(steps):
            pending.append(trainer.step(batches.next(), shown))
            shown += BATCH
        {key: torch.stack([one[key] for one in pending if key in one]).mean().item() for key in pending[0]}

    return run


def bare(gan: GAN, images: ImageSet, steps: int) -> Callable[[], None]:
    """A hand-written loop with the same optimisations."""
    retain_freed_memory()
    generator, discriminator = gan.generator.train(), gan.discriminator.train()
    average = copy.deepcopy(generator).eval().requires_grad_(False)
    adams = [torch.optim.Adam(net.parameters(), RATE, BETAS, fused=True) for net in (generator, discriminator)]
    weights = list(discriminator.parameters())

    def step() -> None:
        rows = torch.randint(0, len(images), (BATCH,))
        real = images.pixels[rows].float().div_(127.5).sub_(1)
        fake = generator(torch.randn(BATCH, LATENT))
        adams[1].zero_grad(set_to_none=True)
        loss = softplus(-discriminator.discriminate(real).logits).mean()
        (loss + softplus(discriminator.discriminate(fake.detach()).logits).mean()).backward()
        adams[1].step()
        for weight in weights:
            weight.requires_grad_(False)
        adams[0].zero_grad(set_to_none=True)
        softplus(-discriminator.discriminate(fake).logits).mean().backward()
        adams[0].step()
        for weight in weights:
            weight.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(generator.parameters()), 0.01)
            for averaged, live in zip(average.buffers(), generator.buffers(), strict=True):
                averaged.copy_(live)

    def run() -> None:
        for _ in range(steps):
            step()

    return run


def examples(gan: GAN, batches: Callable[[], Iterator[Tensor]], steps: int) -> Callable[[], None]:
    """The algorithm of the PyTorch examples' DCGAN."""
    generator, discriminator = gan.generator.train(), gan.discriminator.train()
    adam_d = torch.optim.Adam(discriminator.parameters(), RATE, BETAS)
    adam_g = torch.optim.Adam(generator.parameters(), RATE, BETAS)

    def loss(x: Tensor, target: float) -> Tensor:
        logits = discriminator.discriminate(x).logits.view(-1)
        return binary_cross_entropy_with_logits(logits, torch.full((len(x),), target))

    def run() -> None:
        source = batches()
        for _ in range(steps):
            real = next(source)
            discriminator.zero_grad()
            error_real = loss(real, 1.0)
            error_real.backward()
            fake = generator(torch.randn(len(real), LATENT))
            error_fake = loss(fake.detach(), 0.0)
            error_fake.backward()
            adam_d.step()
            generator.zero_grad()
            error = loss(fake, 1.0)
            error.backward()
            adam_g.step()
            (error_real + error_fake).item(), error.item()

    return run


def in_memory(images: ImageSet) -> Callable[[], Iterator[Tensor]]:
    """Batches of floats from memory."""
    floats = images.batch(images.train)

    def batches() -> Iterator[Tensor]:
        while True:
            yield floats[torch.randint(0, len(floats), (BATCH,))]

    return batches


def from_files(images: ImageSet, folder: Path, steps: int) -> Callable[[], Iterator[Tensor]]:
    """The examples' loader: ImageFolder, Resize, CenterCrop, ToTensor, Normalize, 2 workers."""
    from PIL import Image
    from torchvision import datasets, transforms

    size = images.spec.shape[1]
    (folder / "all").mkdir()
    for i, pixels in enumerate(images.pixels[: BATCH * steps].permute(0, 2, 3, 1).numpy()):
        Image.fromarray(pixels).save(folder / "all" / f"{i:05d}.png")
    change = transforms.Compose(
        [
            transforms.Resize(size),
            transforms.CenterCrop(size),
            transforms.ToTensor(),
            transforms.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )
    dataset = datasets.ImageFolder(str(folder), change)
    loader = torch.utils.data.DataLoader(dataset, BATCH, shuffle=True, num_workers=2, multiprocessing_context="fork")
    return lambda: (x for x, _ in loader)


class _Generator(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.encoding_dims, self.label_type = net, LATENT, "none"

    def sampler(self, n: int, device: torch.device) -> list[Tensor]:
        """Noise."""
        return [torch.randn(n, LATENT, device=device)]

    def forward(self, z: Tensor) -> Tensor:
        """Images."""
        return self.net(z)


class _Discriminator(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.label_type = net, "none"

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.net.discriminate(x).logits.view(-1)  # type: ignore[operator]


def torchgan(gan: GAN, images: ImageSet, steps: int, folder: str) -> Callable[[], None]:
    """torchgan's `train_iter` on the same networks; only this and setting the batch is timed."""
    from torchgan.losses import MinimaxDiscriminatorLoss, MinimaxGeneratorLoss
    from torchgan.trainer import Trainer

    adam = {"name": torch.optim.Adam, "args": {"lr": RATE, "betas": BETAS}}
    models = {
        "generator": {"name": _Generator, "args": {"net": gan.generator}, "optimizer": adam},
        "discriminator": {"name": _Discriminator, "args": {"net": gan.discriminator}, "optimizer": adam},
    }
    losses = [MinimaxGeneratorLoss(nonsaturating=True), MinimaxDiscriminatorLoss()]
    where = {"checkpoints": f"{folder}/model/gan", "recon": f"{folder}/images", "log_dir": f"{folder}/logs"}
    trainer = Trainer(models, losses, device=torch.device("cpu"), **where)
    trainer.batch_size = BATCH
    for name in trainer.model_names:
        getattr(trainer, name).train()
    floats = images.batch(images.train)

    def run() -> None:
        for _ in range(steps):
            trainer.real_inputs = floats[torch.randint(0, len(floats), (BATCH,))]
            trainer.train_iter()

    return run


def peak(which: str, size: int, steps: int) -> float:
    """The MiB by which training raises the peak memory, in its own process."""
    code = f"import gan_step; gan_step.report_peak({which!r}, {size}, {steps})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
    )
    return float(done.stdout.split()[-1])


def report_peak(which: str, size: int, steps: int) -> None:
    """Print by how many MiB the process's peak memory rises while `which` trains."""
    gan, images = nets(size, 32), bytes_of(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (ours if which == "ours" else bare)(gan, images, steps)()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def main() -> None:
    """Compare the loops, or with --memory the peaks."""
    parser = argument_parser(__doc__, steps=4)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    if options.memory:
        peaks = {which: peak(which, 64, 3) for which in ("ours", "bare")}
        text = f"ours {peaks['ours']:.0f} MiB, bare {peaks['bare']:.0f} MiB: {peaks['ours'] / peaks['bare']:.2f} times"
        record(options.write, "memory", [text])
        return
    wanted = {"bare": 0.97, "torchgan": 1.3, "examples, in memory": 1.0, "examples, with its loader": 1.5}
    setup = partial(prepare, size=options.size, width=options.width, steps=options.steps)
    names = ["ours", *OPTIONS, "bare", "examples, in memory", "examples, with its loader"]
    if find_spec("torchgan") is None:
        print("torchgan is not installed: left out")
    else:
        names += ["torchgan", "torchgan, our layers"]
    setups: dict[str, Setup] = {name: partial(setup, name) for name in names}
    record(options.write, "gan_step", report(setups, options, options.steps * BATCH, ("ours", "ours, bf16"), wanted))


OPTIONS = {
    "ours, channels_last": EngineSection("cpu", channels_last=True),
    "ours, bf16": EngineSection("cpu", "bf16"),
}


def prepare(name: str, size: int, width: int, steps: int) -> Callable[[], None]:
    """The function to time."""
    gan, images = nets(size, width), bytes_of(size)
    if name.startswith("ours"):
        return ours(gan, images, steps, OPTIONS.get(name))
    if name == "bare":
        return bare(gan, images, steps)
    if name == "torchgan, our layers":
        return torchgan(gan, images, steps, tempfile.mkdtemp())
    torchs_layers(gan)
    if name == "torchgan":
        return torchgan(gan, images, steps, tempfile.mkdtemp())
    if name == "examples, in memory":
        return examples(gan, in_memory(images), steps)
    return examples(gan, from_files(images, Path(tempfile.mkdtemp()), steps), steps)


if __name__ == "__main__":
    main()
