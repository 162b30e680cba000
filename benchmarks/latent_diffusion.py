"""A diffusion model of codes, in the same codes and the same CPU time as the GAN of codes of latent_photos.py.

    python benchmarks/latent_diffusion.py --data materials64.npz --first-stage spatial.photos4 --minutes 3 --seeds 0 1

The library is diffusers: a small UNet2DModel that predicts velocities (Salimans and Ho 2022), Adam, a moving average of
its weights, and DDIM (Song et al. 2021) to sample. It trains in one thread until its CPU minutes are spent; the codes,
the judges and the held-out images are those of latent_photos.py. Sampling is not counted as training and is printed
apart: a diffusion model needs `--steps` passes of its network for a sample, a GAN one. Needs the plugin zoo-diffusers.
"""

from __future__ import annotations

import json
import time
from typing import Any

import torch
from diffusers import DDIMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel
from latent_photos import argument_parser, measured, opened, picture, references
from torch import Tensor
from torch.nn.functional import mse_loss

from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.encoding.codes import samples_of
from zoo.networks.autoencoder import FirstStage
from zoo.plugin import seed_of, stream

_CHUNK = 64
_WARM_UP = 100


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--width", type=int, default=64, help="channels at the code's side")
    parser.add_argument("--factors", type=int, nargs="+", default=[1, 2], help="channels of each level over `width`")
    parser.add_argument("--layers", type=int, default=1, help="residual blocks of each level")
    parser.add_argument("--attention", action="store_true", help="attend at the coarsest level")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--ema", type=float, default=0.995, help="decay of the average a step, after a ramp")
    parser.add_argument("--steps", type=int, default=25, help="of DDIM, for a sample")
    given = parser.parse_args()
    if given.first_stage is None:
        parser.error("a diffusion model of codes needs --first-stage")
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    images, stage, facts = opened(given)
    assert stage is not None
    judges = references(images, given.metric)
    facts |= measured(judges, stage.decode(stage.encode(images.batch(images.held_out))), "reconstructions")
    for seed in given.seeds:
        for row in trained(given, images, stage, judges, seed):
            print(json.dumps({"arm": "diffusion", "seed": seed, **facts, **row}), flush=True)


def trained(given: Any, images: ImageSet, stage: FirstStage, judges: Any, seed: int) -> Any:
    """Train until the CPU time is spent; a row of facts at each measurement."""
    torch.manual_seed(seed_of(seed, "network"))
    codes = samples_of(images, stage)
    model = network(given, codes.spec.shape)
    average = EMAModel(model.parameters(), decay=given.ema, use_ema_warmup=True)
    scheduler = DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        timestep_spacing="trailing",
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=given.lr, betas=(0.9, 0.99))
    batches = Batches(codes.train, given.batch, stream(seed, "data"))
    noise = stream(seed, "noise")
    parameters = sum(weight.numel() for weight in model.parameters())
    spent, shown = 0.0, 0
    for point in sorted({*given.at, given.minutes}):
        while spent < point * 60:
            start = time.process_time()
            for group in optimizer.param_groups:
                group["lr"] = given.lr * rate(shown / given.batch, spent / (given.minutes * 60))
            step(model, optimizer, scheduler, codes.batch(batches.next()), noise)
            average.step(model.parameters())
            spent += time.process_time() - start
            shown += given.batch
        average.store(model.parameters())
        average.copy_to(model.parameters())
        start = time.process_time()
        drawn = stage.decode(sampled(model, scheduler, len(images.held_out), codes.spec.shape, given.steps))
        sampling = round(time.process_time() - start, 1)
        average.restore(model.parameters())
        picture(given, stage.images, images, drawn, f"diffusion-{seed}-{point:g}")
        row = {"minutes": point, "shown": shown, "sampling": sampling, "parameters": parameters}
        yield row | measured(judges, drawn)


def network(given: Any, shape: tuple[int, ...]) -> UNet2DModel:
    """A small U-Net for codes of that shape."""
    channels, *sides = shape
    levels = len(given.factors)
    down, up = ["DownBlock2D"] * levels, ["UpBlock2D"] * levels
    if given.attention:
        down[-1], up[0] = "AttnDownBlock2D", "AttnUpBlock2D"
    return UNet2DModel(
        sample_size=tuple(sides),
        in_channels=channels,
        out_channels=channels,
        block_out_channels=tuple(given.width * factor for factor in given.factors),
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        layers_per_block=given.layers,
        norm_num_groups=8,
        attention_head_dim=32,
        add_attention=given.attention,
    ).to(memory_format=torch.channels_last)


def rate(steps: float, passed: float) -> float:
    """The factor of the learning rate: a warm-up, then a fall to 0 with the CPU time that has passed."""
    return min(1.0, (steps + 1) / _WARM_UP) * max(0.0, 1.0 - passed)


def step(
    model: UNet2DModel, optimizer: torch.optim.Optimizer, scheduler: DDIMScheduler, x: Tensor, rng: torch.Generator
) -> None:
    """One step of Adam on a batch of codes (N, c, h, w)."""
    times = torch.randint(0, scheduler.config.num_train_timesteps, (len(x),), generator=rng)
    noise = torch.randn(x.shape, generator=rng)
    noisy = scheduler.add_noise(x, noise, times).contiguous(memory_format=torch.channels_last)
    loss = mse_loss(model(noisy, times).sample, scheduler.get_velocity(x, noise, times))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


@torch.no_grad()
def sampled(model: UNet2DModel, scheduler: DDIMScheduler, n: int, shape: tuple[int, ...], steps: int) -> Tensor:
    """n codes (n, c, h, w)."""
    rng = stream(1, "sample")
    scheduler.set_timesteps(steps)
    model.eval()
    found = []
    for x in torch.randn(n, *shape, generator=rng).split(_CHUNK):
        for moment in scheduler.timesteps:
            x = scheduler.step(model(x, moment).sample, moment, x).prev_sample
        found.append(x)
    model.train()
    return torch.cat(found)


if __name__ == "__main__":
    main()
