"""How steps are computed changes nothing but rounding: parts of a batch, several processes, half precision, devices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import autoencoder, states_equal
from many_processes import SMALL, in_two_processes, run, start, together
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

import zoo
from zoo import plugins
from zoo._utils.seeds import in_parts, per_sample, stream
from zoo.errors import ConfigError, OutOfMemory
from zoo.training import checkpoint
from zoo.training.api import open_run
from zoo.training.devices import Engine
from zoo.training.recipe import EngineSection
from zoo.training.run_dir import RunDirectory

BATCH_STATISTICS = {"energy", "feature-moments"}
"""Strategies whose losses are not means over samples: EBGAN's pull-away term, the moments of a batch."""

POWER_ITERATIONS = {"feature-concat"}
"""Spectral norm moves on with every forward pass, so with every part."""

NOT_MEANS = {"wae-mmd", "vae-gan"}


def strategies() -> list[str]:
    """Every strategy's name."""
    return sorted(registered.component.name for registered in plugins.components("transfer"))


def close(one: Any, other: Any) -> None:
    """Two runs gave the same weights but for rounding: all but one value in a thousand to 2e-6, those to 1e-3, which is
    a step of the optimiser (Adam divides a gradient of nearly 0 by itself)."""
    a, b = ((run.gan or run.autoencoder).state_dict() for run in (one, other))
    assert a.keys() == b.keys()
    for name, value in a.items():
        torch.testing.assert_close(value, b[name], rtol=0, atol=1e-3, msg=lambda text, name=name: f"{name}: {text}")
        off = (value.double() - b[name].double()).abs() > 2e-6 + 1e-4 * value.double().abs()
        assert off.sum() <= len(off.flatten()) / 1000, f"{name} differs"


# ---------------------------------------------------------------- parts


@pytest.mark.parametrize("kind", ["autoencoder", "scratch", "latent-gan"])
def test_a_batch_in_parts_equals_the_whole_batch(kind: str, images_file: Path, tmp_path: Path) -> None:
    """The penalty of latent-gan and the augmentation of scratch draw random numbers for every sample."""
    whole = run(kind, str(images_file), tmp_path / "whole", device="cpu")
    close(whole, run(kind, str(images_file), tmp_path / "parts", device="cpu", accumulate=4))


@pytest.mark.long
@pytest.mark.parametrize("kind", sorted({*strategies()} - BATCH_STATISTICS - POWER_ITERATIONS))
def test_every_strategy_in_parts_equals_the_whole_batch(kind: str, images_file: Path, tmp_path: Path) -> None:
    whole = run(kind, str(images_file), tmp_path / "whole", device="cpu")
    close(whole, run(kind, str(images_file), tmp_path / "parts", device="cpu", accumulate=2))


def test_random_numbers_drawn_in_parts_are_those_of_the_whole() -> None:
    whole, cut = stream(3, "losses"), stream(3, "losses")
    wanted = [per_sample(lambda m: torch.randn(m, 5, generator=whole), 12, whole) for _ in range(2)]
    parts = [slice(0, 4), slice(4, 8), slice(8, 12)]
    found = []
    for _ in in_parts([cut], parts, 12):
        found.append([per_sample(lambda m: torch.randn(m, 5, generator=cut), 4, cut) for _ in range(2)])
    for i, draw in enumerate(wanted):
        assert torch.equal(draw, torch.cat([one[i] for one in found]))
    assert torch.equal(whole.get_state(), cut.get_state())


def test_a_batch_that_cannot_be_cut_evenly_is_refused(images_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be cut into 3 equal parts") as caught:
        run("scratch", str(images_file), tmp_path, accumulate=3)
    assert "batch of 15" in caught.value.hint


# ---------------------------------------------------------------- memory


class Full:
    """A net that is too large for batches above `room`: an error as the device would raise it."""

    def __init__(self, room: int, error: Exception) -> None:
        self.room, self.error, self.asked = room, error, 0

    def __call__(self, net: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.asked += net.training
        if net.training and self.asked > 2 and len(inputs[0]) > self.room:
            raise self.error

    def __deepcopy__(self, memo: Any) -> Full:
        return self


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("error", ERRORS, ids=["gpu", "python", "allocator"])
def test_a_batch_that_does_not_fit_says_what_does_and_the_run_goes_on(
    error: Exception, images_file: Path, tmp_path: Path
) -> None:
    gan = zoo.gan(like=autoencoder(seed=3))
    gan.generator.register_forward_pre_hook(Full(4, error))
    with pytest.raises(OutOfMemory, match="batch of 16 does not fit into the memory of cpu; 4 images") as caught:
        zoo.train(gan, str(images_file), out=tmp_path / "run", training=SMALL, engine={"device": "cpu"})
    assert "--accumulate 4" in caught.value.hint
    assert checkpoint.load(checkpoint.latest_checkpoint(tmp_path / "run" / "checkpoints"))[0] in (0, 48)
    assert zoo.resume(tmp_path / "run", engine={"accumulate": 4}).shown == 64
    again = zoo.resume(tmp_path / "run")
    assert again.recipe.engine.accumulate == RunDirectory(tmp_path / "run").events("start")[-1]["accumulate"] == 4


def test_resuming_does_not_change_how_a_run_rounds(images_file: Path, tmp_path: Path) -> None:
    zoo.train(zoo.gan(like=autoencoder(seed=3)), str(images_file), out=tmp_path / "run", training=SMALL)
    with pytest.raises(ConfigError, match=r"engine\.precision affects numerical results and cannot change on resume"):
        zoo.resume(tmp_path / "run", engine={"precision": "bf16"})
    with pytest.raises(ConfigError, match="cannot be cut into 3 equal parts"):
        zoo.resume(tmp_path / "run", engine={"accumulate": 3})
    assert open_run(tmp_path / "run").recipe.engine.accumulate == 1


def test_a_run_may_go_on_by_itself_in_parts(images_file: Path, tmp_path: Path) -> None:
    whole = zoo.train(zoo.gan(like=autoencoder(seed=3)), str(images_file), out=tmp_path / "whole", training=SMALL)
    gan = zoo.gan(like=autoencoder(seed=3))
    gan.generator.register_forward_pre_hook(Full(8, MemoryError()))
    engine = {"when_full": "accumulate"}
    parts = zoo.train(gan, str(images_file), out=tmp_path / "parts", training=SMALL, engine=engine)
    close(whole, parts)
    (warning,) = RunDirectory(tmp_path / "parts").events("warning")
    assert warning["what"].startswith("a batch of 16 does not fit")
    assert warning["advice"] == "Going on with accumulate = 2."
    assert zoo.resume(tmp_path / "parts").recipe.engine.accumulate == 2


def test_other_errors_of_a_net_are_not_taken_for_memory(images_file: Path, tmp_path: Path) -> None:
    gan = zoo.gan(like=autoencoder(seed=3))
    gan.generator.register_forward_pre_hook(Full(4, RuntimeError("shapes do not fit")))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        zoo.train(gan, str(images_file), out=tmp_path / "run", training=SMALL)


# ---------------------------------------------------------------- precision


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_keeps_penalties_and_weights_in_fp32(precision: str, images_file: Path, tmp_path: Path) -> None:
    gan = zoo.gan(like=autoencoder(seed=3))
    seen: list[tuple[bool, torch.dtype]] = []
    layer = next(part for part in gan.discriminator.modules() if isinstance(part, nn.Conv2d))
    layer.register_forward_hook(lambda net, given, out: seen.append((given[0].requires_grad, out.dtype)))
    engine = {"device": "cpu", "precision": precision}
    training = SMALL | {"regulariser": {"component": "core/r1", "config": {"interval": 2}}}
    trained = zoo.train(gan, str(images_file), out=tmp_path / "run", training=training, engine=engine)
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    # a step: D on real and fake, then G's on fake and, paired, on real; every other D's is penalised
    assert [dtype for _, dtype in seen[:8]] == [torch.float32] * 2 + [half] * 6
    assert trained.gan is not None
    assert all(value.dtype != half for value in trained.gan.state_dict().values())
    assert all(torch.isfinite(value).all() for value in trained.gan.state_dict().values())


def test_a_run_in_fp16_resumes_with_its_loss_scale_bit_for_bit(images_file: Path, tmp_path: Path) -> None:
    def stop(event: Any) -> None:
        if event.kind == "checkpoint" and event.shown == 48:
            raise InterruptedError

    engine = {"device": "cpu", "precision": "fp16"}
    whole = run("scratch", str(images_file), tmp_path, **engine)
    with pytest.raises(InterruptedError):
        zoo.train(
            start("scratch", ""), str(images_file), out=tmp_path / "cut", engine=engine, watch=[stop],
            training=SMALL | {"augment": "colour+translation+cutout"},
        )  # fmt: skip
    resumed = zoo.resume(tmp_path / "cut")
    assert states_equal(whole.gan, resumed.gan)
    tensors = checkpoint.load(checkpoint.latest_checkpoint(tmp_path / "cut" / "checkpoints"))[1]
    assert tensors["modules.scale.generator.scale"] > 1


def test_attention_is_differentiated_twice_where_a_penalty_is_due() -> None:
    x = torch.randn(2, 1, 4, 8, requires_grad=True)

    def twice() -> None:
        (slope,) = torch.autograd.grad(scaled_dot_product_attention(x, x, x).square().sum(), x, create_graph=True)
        slope.square().sum().backward()

    with pytest.raises(RuntimeError, match="not implemented"):
        twice()
    with Engine(EngineSection(device="cpu")).autocast(exact=True):
        twice()
    assert x.grad is not None


# ---------------------------------------------------------------- devices and memory formats


def test_images_last_in_memory_change_rounding_only(images_file: Path, tmp_path: Path) -> None:
    plain = run("scratch", str(images_file), tmp_path / "plain", device="cpu")
    close(plain, run("scratch", str(images_file), tmp_path / "last", device="cpu", channels_last=True))


@pytest.mark.long
def test_compiled_nets_change_rounding_only(images_file: Path, tmp_path: Path) -> None:
    plain = run("scratch", str(images_file), tmp_path / "plain", device="cpu")
    close(plain, run("scratch", str(images_file), tmp_path / "compiled", device="cpu", compile=True))


@pytest.mark.parametrize(
    ("name", "text"), [("cdua", "device 'cdua' is unknown"), ("cuda:99", "this machine has no cuda:99")]
)
def test_a_device_that_is_not_there_is_refused_before_anything_is_written(
    name: str, text: str, images_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=text):
        run("scratch", str(images_file), tmp_path, device=name)
    assert not (tmp_path / "scratch").exists()


# ---------------------------------------------------------------- several processes


def require_equal_to_one_process(images: Path, tmp_path: Path, kinds: list[str]) -> None:
    for done in together(images, tmp_path / "two", *kinds):
        assert done.returncode == 0, done.stderr[-3000:]
    for kind in kinds:
        folder = tmp_path / "two" / kind.replace(":", "-")
        (began,) = RunDirectory(folder).events("start")
        assert began["processes"] == 2, "each process trained alone"
        close(run(kind, str(images), tmp_path / "one", device="cpu"), zoo.open_run(folder))


def test_two_processes_equal_one(images_file: Path, tmp_path: Path) -> None:
    """Random numbers in the loss, in the augmentation, gradients that weigh an adversary, and an objective that keeps a
    state."""
    pytest.importorskip("accelerate", reason="the extra [dist]")
    require_equal_to_one_process(images_file, tmp_path, ["autoencoder", "autoencoder:vqgan", "scratch", "began"])


@pytest.mark.long
def test_two_processes_equal_one_with_every_strategy(images_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="the extra [dist]")
    objectives = {registered.component.name for registered in plugins.components("objective")}
    objectives -= {"perceptual"}  # it asks for an encoder
    trains = [f"autoencoder:{name}" for name in sorted(objectives - NOT_MEANS) if _is_for_autoencoders(name)]
    require_equal_to_one_process(images_file, tmp_path, [*trains, *sorted({*strategies()} - BATCH_STATISTICS)])


@pytest.mark.long
def test_what_is_steered_by_a_measured_figure_turns_at_the_same_step(images_file: Path, tmp_path: Path) -> None:
    """An accuracy-stopped warm-up ends, and an adaptive augmentation moves, where they do in one process; that both
    processes agree is held by the weights, which are compared at every checkpoint."""
    pytest.importorskip("accelerate", reason="the extra [dist]")
    kinds = ["warming", "adapting"]
    require_equal_to_one_process(images_file, tmp_path, kinds)
    for kind in kinds:
        one, two = (steered(tmp_path / count / kind) for count in ("one", "two"))
        assert one.keys() == two.keys()
        assert all(torch.equal(value, two[name]) for name, value in one.items())
    ended = steered(tmp_path / "two" / "warming")["ended"]
    assert 0 < ended < 480, "the warm-up never ended early"
    assert 0 < steered(tmp_path / "two" / "adapting")["p"] <= 1


@pytest.mark.long
def test_a_regulariser_with_networks_of_its_own_is_trained_by_two_processes_as_by_one(
    images_file: Path, tmp_path: Path
) -> None:
    pytest.importorskip("accelerate", reason="the extra [dist]")
    require_equal_to_one_process(images_file, tmp_path, ["reconstructing"])


def steered(folder: Path) -> dict[str, Tensor]:
    """What the settings of a run's last checkpoint keep."""
    _, tensors, _ = checkpoint.load(checkpoint.latest_checkpoint(RunDirectory(folder).checkpoints))
    return {name.rpartition(".")[2]: value for name, value in tensors.items() if "steered.0." in name}


@pytest.mark.long
def test_processes_that_drift_apart_are_refused(images_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="the extra [dist]")
    for done in together(images_file, tmp_path, "drifting"):
        assert done.returncode != 0
        assert "weights of generator are no longer the same" in done.stderr


@pytest.mark.long
def test_memory_that_runs_out_in_one_process_ends_all_with_what_fits(images_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="the extra [dist]")
    for done in together(images_file, tmp_path, "full"):
        assert done.returncode == 1
        assert "a batch of 16 in 2 processes does not fit into the memory of cpu; 4 images at a time" in done.stderr
        assert f"zoo resume {tmp_path / 'full'} --accumulate 2" in done.stderr
    (failed,) = RunDirectory(tmp_path / "full").events("failed")
    assert "4 images at a time in each do" in failed["error"]
    for done in in_two_processes("-m", "zoo", "resume", str(tmp_path / "full"), "--accumulate", "2"):
        assert done.returncode == 0, done.stderr[-3000:]
    one = zoo.train(start("drifting", ""), str(images_file), out=tmp_path / "one", training=SMALL)
    close(one, zoo.open_run(tmp_path / "full"))


@pytest.mark.long
def test_several_processes_begin_a_new_run_from_another_ones_checkpoint(images_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="the extra [dist]")
    one = run("autoencoder", str(images_file), tmp_path / "one", device="cpu")
    words = ["-m", "zoo", "resume", str(one.folder), "--override", "images=128", "--out"]
    for done in in_two_processes(*words, str(tmp_path / "two")):
        assert done.returncode == 0, done.stderr[-3000:]
    assert RunDirectory(tmp_path / "two").events("start")[-1]["processes"] == 2
    close(zoo.resume(one.folder, override={"images": 128}, out=tmp_path / "alone"), zoo.open_run(tmp_path / "two"))
    first, second = in_two_processes(*words, str(tmp_path / "two"))
    assert (first.returncode, second.returncode) == (2, 1)
    assert "already holds a run" in first.stderr
    assert "process 1 lost the connection to the others" in second.stderr


LAUNCHERS = {
    "torchrun": ["torch.distributed.run", "--standalone", "--nproc_per_node", "2"],
    "accelerate": [
        *["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"],
        *["--mixed_precision", "no", "--dynamo_backend", "no"],
    ],
}


@pytest.mark.long
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_recipe_is_trained_by_the_launchers_of_torch_and_of_accelerate(
    launcher: str, images_file: Path, tmp_path: Path
) -> None:
    pytest.importorskip("accelerate", reason="the extra [dist]")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(data=images_file))
    command = [sys.executable, "-m", *LAUNCHERS[launcher], "-m", "zoo", "train", str(recipe), "--out"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [*command, str(tmp_path / "two")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (began,) = RunDirectory(tmp_path / "two").events("start")
    assert began["processes"] == 2, "each process trained alone"
    one = zoo.run_recipe(zoo.read_recipe(recipe), tmp_path / "one").gan
    close(one, zoo.open_run(tmp_path / "two"))


RECIPE = """
data = {{ source = "{data}" }}
engine = {{ device = "cpu" }}
[gan]
generator = {{ component = "dcgan", config = {{ width = 4 }} }}
discriminator = {{ component = "dcgan", config = {{ width = 4 }} }}
code_shape = 6
training = {{ images = 64, batch = 16 }}
"""


def _is_for_autoencoders(name: str) -> bool:
    return hasattr(plugins.build("objective", name), "loss")
