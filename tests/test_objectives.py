"""Objectives and penalties against references written out in float64, with their gradients, on fresh random inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import SHAPE, autoencoder
from torch import Tensor, nn

import zoo
from zoo import plugins
from zoo._utils.tensors import unpack
from zoo.data.batches import Batches
from zoo.data.open import open_images
from zoo.errors import CompositionError, ConfigError
from zoo.losses.augmentation import AdaptiveProbability, augment, draw, parse
from zoo.losses.reconstruction import squared_mmd
from zoo.losses.types import StepContext
from zoo.networks.types import DiscriminatorOutput
from zoo.training.api import resume, train
from zoo.training.autoencoder import AutoencoderTrainer
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining, AutoencoderTraining
from zoo.training.run_dir import RunDirectory
from zoo.training.schedule import FeedbackController
from zoo.transfers.plan import TransferPlan
from zoo.types import DataSpec, PartSpec

N, D = 6, 4


class Judge(nn.Module):
    """A smooth judge of vectors with two groups of logits, in float64."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(D, 5, dtype=torch.float64)
        self.b = nn.Linear(5, 3, dtype=torch.float64)

    def forward(self, x: Tensor) -> DiscriminatorOutput:
        return DiscriminatorOutput(self.b(torch.tanh(self.a(x.flatten(1)))), ())


def table(seed: int, discriminate: Callable[[Tensor], DiscriminatorOutput] | None = None) -> StepContext:
    rng = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    discriminate = discriminate or Judge()
    real = torch.randn(N, D, generator=rng, dtype=torch.float64).requires_grad_()
    fake = torch.randn(N, D, generator=rng, dtype=torch.float64).requires_grad_()
    rows = torch.arange(N)
    stream = torch.Generator().manual_seed(seed + 1)
    return StepContext(
        real=real,
        fake=fake,
        z=fake,
        indices=rows,
        shown=0,
        discriminate=discriminate,
        generate=discriminate,
        groups=(1, 2),
        fake_output=discriminate(fake),
        real_output=discriminate(real),
        rng=stream,
    )  # type: ignore[arg-type]


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


REFERENCES: dict[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]] = {
    "non-saturating": (lambda r, f: softplus(-r) + softplus(f), lambda r, f: softplus(-f)),
    "relativistic": (lambda r, f: softplus(f - r), lambda r, f: softplus(r - f)),
    "hinge": (lambda r, f: relu(1 - r) + relu(1 + f), lambda r, f: -f),
    "least-squares": (lambda r, f: ((r - 1) ** 2 + f**2) / 2, lambda r, f: (f - 1) ** 2 / 2),
    "wasserstein": (lambda r, f: f - r, lambda r, f: -f),
}


def groups_of(losses: np.ndarray) -> float:
    """Mean of the first logit plus mean of the other two."""
    return float(losses[:, :1].mean() + losses[:, 1:].mean())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", REFERENCES)
def test_adversarial_losses_equal_their_formulas(name: str, seed: int) -> None:
    """Values to 1e-12, and gradients with respect to each logit against central differences of the reference."""
    context, objective = table(seed), plugins.build("objective", f"core/{name}")
    real, fake = context.real_output.logits, context.fake_output.logits  # type: ignore[union-attr]
    for loss, reference in zip((objective.d_loss(context), objective.g_loss(context)), REFERENCES[name], strict=True):
        values = [real.detach().numpy(), fake.detach().numpy()]
        assert loss.item() == pytest.approx(groups_of(reference(*values)), rel=1e-12)
        slopes = torch.autograd.grad(loss, [real, fake], retain_graph=True, allow_unused=True)
        for side, slope in enumerate(slopes):
            for index in ((0, 0), (3, 1), (5, 2)):
                step = np.zeros((N, 3))
                step[index] = 1e-6
                up, down = ([v + s * step if i == side else v for i, v in enumerate(values)] for s in (1, -1))
                numeric = (groups_of(reference(*up)) - groups_of(reference(*down))) / 2e-6
                assert (0.0 if slope is None else slope[index].item()) == pytest.approx(numeric, abs=1e-8)


def jacobian(discriminate: Judge, x: np.ndarray) -> np.ndarray:
    """The slope of the logits' sum, written out: W_a^T ((1 - tanh^2) * W_b^T 1)."""
    wa, ba = discriminate.a.weight.detach().numpy(), discriminate.a.bias.detach().numpy()
    wb = discriminate.b.weight.detach().numpy()
    return ((1 - np.tanh(x @ wa.T + ba) ** 2) * wb.sum(0)) @ wa


def penalty_reference(name: str, context: StepContext, discriminate: Judge) -> float:
    real, fake = context.real.detach().numpy(), context.fake.detach().numpy()
    r1 = 0.5 * 2.0 * (jacobian(discriminate, real) ** 2).sum(1).mean()
    r2 = 0.5 * 2.0 * (jacobian(discriminate, fake) ** 2).sum(1).mean()
    if name == "gradient-penalty":
        rng = torch.Generator()
        rng.manual_seed(context.rng.initial_seed())  # type: ignore[union-attr]
        mix = torch.rand(N, 1, generator=rng, dtype=torch.float64).numpy()
        norms = np.sqrt((jacobian(discriminate, mix * real + (1 - mix) * fake) ** 2).sum(1) + 1e-12)
        return float(2.0 * ((norms - 1) ** 2).mean())
    return float({"r1": r1, "r2": r2, "r1-r2": r1 + r2}[name])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["r1", "r2", "r1-r2", "gradient-penalty"])
def test_penalties_and_their_gradients_equal_the_written_out_jacobian(name: str, seed: int) -> None:
    """The value by hand, and its gradient by D's weights (double backward) by central differences of that value."""
    discriminate = Judge()
    context = table(seed, discriminate)
    penalty = plugins.build("regulariser", PartSpec(f"core/{name}", {"gamma": 2.0})).penalty(context)
    assert penalty.item() == pytest.approx(penalty_reference(name, context, discriminate), rel=1e-10)
    weights = (discriminate.a.weight, discriminate.b.weight)
    for weight, slope in zip(weights, torch.autograd.grad(penalty, weights), strict=True):
        for index in ((0, 0), (2, 3)):
            values = []
            for step in (1e-6, -1e-6):
                with torch.no_grad():
                    weight[index] += step
                values.append(penalty_reference(name, context, discriminate))
                with torch.no_grad():
                    weight[index] -= step
            assert slope[index].item() == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-5, abs=1e-8)


def test_consistency_is_the_squared_change_of_the_logits() -> None:
    """The same draw for both batches; 0 for a judge that sums all values of an image that was only moved inside."""
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(N, 1, 8, 8, generator=rng), torch.randn(N, 1, 8, 8, generator=rng)

    def discriminate(x: Tensor) -> DiscriminatorOutput:
        return DiscriminatorOutput((x * torch.linspace(0, 1, 64).view(1, 1, 8, 8)).flatten(1).sum(1, keepdim=True), ())

    context = StepContext(
        real=real,
        fake=fake,
        z=fake,
        indices=torch.arange(N),
        shown=0,
        discriminate=discriminate,
        generate=discriminate,
        groups=(1,),
        fake_output=discriminate(fake),
        real_output=discriminate(real),
        rng=rng,
    )
    state = rng.get_state()
    value = plugins.build("regulariser", PartSpec("core/consistency", {"gamma": 3.0})).penalty(context)
    drawn = draw(("translation",), N, DataSpec((1, 8, 8)), rng.set_state(state))
    changes = [
        (discriminate(augment(x, drawn, DataSpec((1, 8, 8))))[0] - discriminate(x)[0]).square().mean()
        for x in (real, fake)
    ]
    assert value.item() == pytest.approx(3.0 * sum(change.item() for change in changes), rel=1e-6)


# ---------------------------------------------------------------- augmentation


@pytest.mark.parametrize("kind", ["colour", "translation", "cutout"])
def test_an_augmentation_treats_the_same_draw_the_same_and_is_differentiable(kind: str) -> None:
    """Real and fake get one draw; gradients flow; another draw gives another image."""
    spec, rng = DataSpec((3, 16, 16)), torch.Generator().manual_seed(1)
    x = (torch.rand(5, 3, 16, 16, generator=rng) * 2 - 1).double().requires_grad_()
    one, two = draw((kind,), 5, spec, rng), draw((kind,), 5, spec, rng)
    assert torch.equal(augment(x, one, spec), augment(x, one, spec))
    assert not torch.equal(augment(x, one, spec), augment(x, two, spec))
    assert torch.autograd.gradcheck(
        lambda v: augment(v[:1], one_of(one), spec)[:, :, 6:9, 6:9], (x[:1].detach().requires_grad_(),)
    )


def one_of(drawn: Any) -> Any:
    return type(drawn)(*(None if part is None else part[:1] for part in (drawn.colours, drawn.shifts, drawn.holes)))


def test_translation_moves_the_pixels_and_fills_with_the_middle() -> None:
    """A single bright pixel arrives where the draw says."""
    spec = DataSpec((1, 16, 16), 0.0, 1.0)
    drawn = draw(("translation",), 8, spec, torch.Generator().manual_seed(2))
    x = torch.zeros(8, 1, 16, 16)
    x[:, :, 8, 8] = 1.0
    out = augment(x, drawn, spec)
    for i, (down, right) in enumerate(drawn.shifts.tolist()):
        assert out[i, 0, 8 + down, 8 + right] == 1.0
        if down > 0:
            assert (out[i, 0, :down] == 0.5).all()


def test_cutout_hides_a_square_of_half_the_side() -> None:
    """Inside the hole the value range's middle, elsewhere the image as it was."""
    spec = DataSpec((1, 16, 16))
    drawn = draw(("cutout",), 4, spec, torch.Generator().manual_seed(3))
    out = augment(torch.ones(4, 1, 16, 16), drawn, spec)
    holes = (out == 0).flatten(1).sum(1)
    assert ((out == 0) | (out == 1)).all()
    assert (holes > 0).all()
    assert holes.max() <= 64


def test_an_unknown_augmentation_is_refused_with_a_near_match() -> None:
    with pytest.raises(ConfigError, match="colours") as caught:
        parse("colours")
    assert "colour" in caught.value.hint


# ---------------------------------------------------------------- autoencoders

AUTOENCODERS: dict[str, dict[str, Any]] = {
    "ae": {},
    "vae": {"free_bits": 0.1},
    "wae-mmd": {},
    "rae": {"decoder": "gradient", "decoder_weight": 0.1},
    "aae": {},
    "vae-gan": {},
    "perceptual": {"encoder": {"component": "dcgan", "config": {"width": 4}}},
    "vqgan": {
        "encoder": {"component": "dcgan", "config": {"width": 4}},
        "discriminator": {"component": "patch", "config": {"width": 4, "layers": 1}},
        "start": 400,  # between two checkpoints
    },
}


def test_every_autoencoder_objective_is_among_the_cases() -> None:
    """A new objective that trains autoencoders needs a case here; that of tables has its own test."""
    offers = [one.component for one in plugins.components("objective") if one.plugin.name != "tables"]
    assert {c.name for c in offers if c.summary.startswith("autoencoder")} == set(AUTOENCODERS)


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_an_autoencoder_objective_learns_and_resumes_bit_for_bit(name: str, images_file: Any, tmp_path: Any) -> None:
    """The reconstruction error falls, and a run cut at its half ends like one that was not (critics included)."""
    import shutil

    objective = {"component": name, "config": AUTOENCODERS[name]}
    images = open_images(str(images_file), shape=SHAPE)
    settings = {"objective": objective, "batch": 16, "checkpoint_every": 320, "sample_every": 9999}
    run = train(autoencoder("dcgan"), images, out=tmp_path / "run", images=640, training=settings)
    ticks = run.folder.joinpath("events.jsonl").read_text().splitlines()
    assert any('"tick"' in tick for tick in ticks)
    end = run.folder / "checkpoints" / f"{640:012d}"
    whole = (end / "tensors.safetensors").read_bytes()
    shutil.rmtree(end)
    resume(run.folder)
    assert (end / "tensors.safetensors").read_bytes() == whole
    x = images.batch(images.train)
    before = (autoencoder("dcgan").reconstruct(x) - x).square().mean()
    assert (run.autoencoder.reconstruct(x) - x).square().mean() < before  # type: ignore[union-attr]


def test_free_bits_leave_small_divergences_unpenalised() -> None:
    """With more free bits than any value holds, the KL gives the encoder's variances no gradient."""
    model, x = autoencoder("mlp"), torch.rand(8, *SHAPE) * 2 - 1
    rng = torch.Generator().manual_seed(0)
    loss = plugins.build("objective", PartSpec("core/vae", {"beta": 1.0, "free_bits": 1e3})).loss(model, x, rng, 0)
    plain = plugins.build("objective", PartSpec("core/vae", {"beta": 1.0})).loss(model, x, rng.manual_seed(0), 0)
    assert loss.total.item() == pytest.approx(loss.parts["mse"].item() + 6 * 1e3 / 64)
    assert plain.total.item() == pytest.approx(plain.parts["mse"].item() + plain.parts["kl"].item() / 64)


@pytest.mark.parametrize("name", ["vae", "vae-gan"])
def test_a_point_bottleneck_is_refused(name: str) -> None:
    """The error names the bottleneck and one that would fit."""
    model = autoencoder("mlp", bottleneck="linear")
    objective = plugins.build("objective", f"core/{name}")
    if isinstance(objective, nn.Module):
        objective.prepare(model, 100)  # type: ignore[operator]
    with pytest.raises(CompositionError, match="core/linear"):
        objective.loss(model, torch.zeros(4, *SHAPE), torch.Generator(), 0)


def test_mmd_equals_a_sum_over_all_pairs() -> None:
    """Against three loops in float64, and near 0 for two samples of one distribution."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(7, 3)), rng.normal(size=(7, 3)) + 0.5
    scales = (0.1, 1.0, 10.0)

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return sum(2 * 3 * s / (2 * 3 * s + ((x - y) ** 2).sum()) for s in scales)

    pairs = [(i, j) for i in range(7) for j in range(7)]
    within = sum(kernel(a[i], a[j]) + kernel(b[i], b[j]) for i, j in pairs if i != j) / 42
    expected = within - 2 * sum(kernel(a[i], b[j]) for i, j in pairs) / 49
    assert squared_mmd(torch.tensor(a), torch.tensor(b), scales).item() == pytest.approx(expected, rel=1e-12)


def test_a_critic_of_codes_learns_to_tell_them_while_the_encoder_learns_to_fool_it(images_file: Any) -> None:
    """One backward pass: the critic's gradient is that of its loss, the encoder's is turned and weighed."""
    model, x = autoencoder("mlp", bottleneck="linear"), torch.rand(8, *SHAPE) * 2 - 1
    objective = plugins.build("objective", PartSpec("core/aae", {"weight": 0.5}))
    objective.prepare(model, 100)
    losses = objective.loss(model, x, torch.Generator().manual_seed(0), 0)
    weight = model.bottleneck.mean.weight
    (whole,) = torch.autograd.grad(losses.total, weight, retain_graph=True)
    code = model.posterior(x).mean
    error = (x - model.decoder(code)).square().mean()
    told = nn.functional.softplus(objective.critic(code)).mean()
    (from_error,), (from_critic,) = (
        torch.autograd.grad(error, weight, retain_graph=True),
        torch.autograd.grad(told, weight),
    )
    torch.testing.assert_close(whole, from_error - 0.5 * from_critic)


def test_rae_gradient_penalty_is_an_unbiased_estimate_of_the_jacobians_norm() -> None:
    """The mean over many draws is ||J||_F^2 / 2."""
    model, x = autoencoder("mlp", bottleneck="linear").double(), torch.rand(4, *SHAPE).double()
    code = model.posterior(x).mean
    jacobians = [torch.autograd.functional.jacobian(lambda c: model.decoder(c[None]).flatten(), c) for c in code]
    exact = 0.5 * sum(j.square().sum().item() for j in jacobians) / 4
    objective = plugins.build("objective", PartSpec("core/rae", {"decoder": "gradient", "decoder_weight": 1.0}))
    rng = torch.Generator().manual_seed(0)
    base = (x - model.decoder(code)).square().mean() + 1e-3 * 0.5 * code.square().sum(1).mean()
    draws = torch.stack([objective.loss(model, x, rng, 0).total - base for _ in range(400)]).detach()
    assert abs(draws.mean().item() - exact) < 4 * draws.std().item() / 20


def test_the_critics_weights_belong_to_the_run(images_file: Any) -> None:
    """The trainee saves them and its optimiser moves them."""
    images = open_images(str(images_file), shape=SHAPE)
    trainer = AutoencoderTrainer(autoencoder("mlp"), images, AutoencoderTraining(objective="core/aae", batch=8), 0)
    before = [w.detach().clone() for w in trainer.modules["objective"].parameters()]
    trainer.step(Batches(images.train, 8, trainer.streams["data"]).next(), 0)
    assert before
    assert all(not torch.equal(a, b) for a, b in zip(before, trainer.modules["objective"].parameters(), strict=True))


# ---------------------------------------------------------------- what follows the discriminator


def test_each_image_gets_each_augmentation_with_the_probability_given() -> None:
    """Shares of 0.3 in 2,000 images; at 0 nothing changes, at 1 it is the plain augmentation of the same draw."""
    spec, rng = DataSpec((1, 8, 8)), torch.Generator().manual_seed(0)
    drawn = draw(("colour", "translation", "cutout"), 2000, spec, rng, 0.3)
    torch.testing.assert_close(drawn.applied.float().mean(0), torch.full((3,), 0.3), rtol=0, atol=0.04)  # type: ignore[union-attr]
    x = torch.rand(2000, 1, 8, 8, generator=rng) * 2 - 1
    changed = (augment(x, drawn, spec) != x).flatten(1).any(1)
    assert torch.equal(changed, changed & drawn.applied.any(1))  # type: ignore[union-attr]
    assert changed.float().mean().item() == pytest.approx(1 - 0.7**3, abs=0.05)
    state = rng.get_state()
    always, plain = (draw(("colour",), 9, spec, rng.set_state(state), p) for p in (1.0, None))
    assert torch.equal(augment(x[:9], always, spec), augment(x[:9], plain, spec))
    assert torch.equal(augment(x[:9], draw(("colour",), 9, spec, rng, 0.0), spec), x[:9])


def test_the_adaptive_probability_follows_the_sign_of_real_logits() -> None:
    """By hand: every four steps of 50 images p moves by 200 / 1000 towards where the mean sign says, within 0 to 1."""
    adaptive = AdaptiveProbability(0.6, 1000)
    steering = FeedbackController({"augment": adaptive})
    trace = []
    for step, sign in enumerate([1.0, 1.0, 1.0, -0.5] + [0.9] * 24 + [0.0] * 4, 1):
        steering.update({"d_sign": torch.tensor(sign)}, {"augment": 50 * step}, 50)
        trace.append(round(adaptive.p.item(), 6))
    assert trace[:4] == [0.0, 0.0, 0.0, 0.2]
    assert trace[3::4] == [0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 0.8]
    low = AdaptiveProbability(0.6, 1000)
    FeedbackController({"a": low}).update({"d_sign": torch.tensor(-1.0)}, {"a": 50}, 50)
    assert low.p.item() == 0.0


@pytest.mark.parametrize("objective", ["core/non-saturating", "core/relativistic"])
def test_a_run_with_adaptive_augmentation_resumes_bit_for_bit(objective: str, images_file: Any, tmp_path: Any) -> None:
    """p is in the checkpoint and in the ticks; a run cut between two readings ends like one that was not."""
    import shutil

    images = open_images(str(images_file), shape=SHAPE)
    settings = {
        "objective": objective,
        "augment": "colour+cutout",
        "augment_probability": "adaptive",
        "augment_target": -0.9,
        "augment_images": 200,
        "batch": 8,
        "checkpoint_every": 40,
        "sample_every": 9999,
    }
    run = train(zoo.gan(like=autoencoder("mlp")), images, out=tmp_path / "run", images=80, training=settings)
    end = run.folder / "checkpoints" / f"{80:012d}"
    whole = (end / "tensors.safetensors").read_bytes()
    assert unpack(whole, "checkpoint")["modules.steering.steered.0.p"].item() > 0
    shutil.rmtree(end)
    resume(run.folder)
    assert (end / "tensors.safetensors").read_bytes() == whole
    assert "augmented" in RunDirectory(run.folder).events("tick")[-1]


@pytest.mark.parametrize("settings", [{"augment_probability": 1.5}, {"augment_probability": "adaptive"}])
def test_a_probability_that_means_nothing_is_refused(settings: dict[str, Any]) -> None:
    """Above 1, or adaptive with nothing to adapt."""
    with pytest.raises(ConfigError, match="augment_probability"):
        AdversarialTraining(**settings)


@pytest.mark.parametrize("name", ["r1", "r2", "r1-r2"])
def test_an_automatic_gamma_is_that_of_stylegan2_ada(name: str, images_file: Path) -> None:
    """0.0002 x pixels / batch: 1.6384 for 512 px in batches of 32, and the penalty is weighed by it."""
    spec = PartSpec(f"core/{name}", {"gamma": "auto"})
    auto = plugins.build("regulariser", spec)
    auto.prepare(DataSpec((3, 512, 512)), 32)
    assert auto.gamma == pytest.approx(0.0002 * 512**2 / 32)
    always_frozen = plugins.build("regulariser", PartSpec(f"core/{name}", {"gamma": auto.gamma}))
    always_frozen.prepare(DataSpec((3, 8, 8)), 2)
    context = table(0)
    assert auto.penalty(context).item() == always_frozen.penalty(context).item() > 0
    with pytest.raises(ConfigError, match="images"):
        plugins.build("regulariser", spec).prepare(DataSpec((5,)), 8)
    images = open_images(str(images_file), shape=(1, 8, 8))
    training = AdversarialTraining(regulariser=spec, batch=16)
    trainer = GANTrainer(TransferPlan(zoo.gan(like=autoencoder("mlp"))), images, training, 0)
    assert trainer.regulariser.gamma == pytest.approx(0.0002 * 64 / 16)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["r1", "r1-r2", "gradient-penalty"])
def test_a_lazy_penalty_is_due_every_third_step_and_weighs_three_times_as_much(name: str, images_file: Path) -> None:
    """D's gradient at a due step is that of a penalty three times as strong at every step."""
    images = open_images(str(images_file), shape=(1, 8, 8))

    def begin(gamma: float, interval: int) -> tuple[GANTrainer, list[Tensor]]:
        spec = PartSpec(f"core/{name}", {"gamma": gamma, "interval": interval})
        gan, training = zoo.gan(like=autoencoder("mlp")), AdversarialTraining(regulariser=spec, batch=8)
        trainer, found = GANTrainer(TransferPlan(gan), images, training, 0), []
        weights = list(gan.discriminator.parameters())

        def look(*_: Any) -> None:
            found.append(torch.cat([weight.grad.flatten() for weight in weights if weight.grad is not None]))

        trainer.optimizers["discriminator"].adam.register_step_pre_hook(look)
        return trainer, found

    lazy, slopes_of_lazy = begin(2.0, 3)
    due = ["penalty" in lazy.step(images.train[:8], 8 * i) for i in range(7)]
    assert due == [True, False, False, True, False, False, True]
    always, slopes_of_always = begin(6.0, 1)
    always.step(images.train[:8], 0)
    torch.testing.assert_close(slopes_of_lazy[0], slopes_of_always[0])


# ---------------------------------------------------------------- autoencoders' losses, written out


def test_wae_mmd_equals_scikit_learns_kernels() -> None:
    """The whole objective: C / (C + d^2) is the rational quadratic kernel of alpha 1 and length sqrt(C / 2)."""
    kernels = pytest.importorskip("sklearn.gaussian_process.kernels")
    model, x = autoencoder("mlp", bottleneck="linear").double(), torch.rand(9, *SHAPE).double()
    losses = plugins.build("objective", PartSpec("core/wae-mmd", {"weight": 7.0})).loss(
        model, x, torch.Generator().manual_seed(2), 0
    )
    code = model.posterior(x).mean
    wanted = torch.randn(9, 6, generator=torch.Generator().manual_seed(2)).double().numpy()
    a = code.detach().numpy()
    distance = 0.0
    for scale in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0):
        kernel = kernels.RationalQuadratic(length_scale=(2 * 6 * scale / 2) ** 0.5, alpha=1.0)
        within = sum((kernel(y) - np.eye(9)).sum() / 72 for y in (a, wanted))
        distance += within - 2 * kernel(a, wanted).mean()
    error = (x - model.decoder(code)).square().mean().item()
    assert losses.total.item() == pytest.approx(error + 7.0 * distance / 64, rel=1e-9)


def test_rae_weighs_the_code_and_the_decoders_weights() -> None:
    model, x = autoencoder("mlp", bottleneck="linear").double(), torch.rand(5, *SHAPE).double()
    config = {"code_penalty": 0.3, "decoder": "l2", "decoder_weight": 0.01}
    total = plugins.build("objective", PartSpec("core/rae", config)).loss(model, x, torch.Generator(), 0).total.item()
    code = model.posterior(x).mean.detach().numpy()
    error = (x - model.decoder(torch.from_numpy(code))).square().mean().item()
    norm = sum((weight.detach().numpy() ** 2).sum() for weight in model.decoder.parameters())
    assert total == pytest.approx(error + 0.15 * (code**2).sum(1).mean() + 0.01 * norm, rel=1e-12)


def slope(total: Callable[[], float], weight: Tensor, index: tuple[int, ...]) -> float:
    """The central difference of a loss by one weight."""
    values = []
    for step in (1e-6, -1e-6):
        with torch.no_grad():
            weight[index] += step
            values.append(total())
            weight[index] -= step
    return (values[0] - values[1]) / 2e-6


def test_perceptual_reconstruction_is_the_error_in_a_frozen_encoders_stages() -> None:
    """Value and slope by hand; the frozen encoder gets no gradient."""
    model, x = autoencoder("mlp", bottleneck="linear").double(), torch.rand(5, *SHAPE).double()
    config = {"encoder": {"component": "mlp", "config": {"widths": [7, 5]}}, "pixels": 0.2, "code_penalty": 0.1}
    objective = plugins.build("objective", PartSpec("core/perceptual", config))
    objective.prepare(model, 100)
    objective.double()

    def by_hand() -> float:
        code = model.posterior(x).mean
        again = model.decoder(code)
        pairs = zip(objective.encoder.features(x).stages, objective.encoder.features(again).stages, strict=True)
        distance = np.mean([((a - b).detach().numpy() ** 2).mean() for a, b in pairs])
        pixels = ((x - again).detach().numpy() ** 2).mean()
        return float(distance + 0.2 * pixels + 0.05 * (code.detach().numpy() ** 2).sum(1).mean())

    total = objective.loss(model, x, torch.Generator(), 0).total
    total.backward()
    assert total.item() == pytest.approx(by_hand(), rel=1e-12)
    weight = model.decoder.first.weight
    assert weight.grad[1, 2].item() == pytest.approx(slope(by_hand, weight, (1, 2)), rel=1e-4)  # type: ignore[index]
    assert all(w.grad is None for w in objective.encoder.parameters())


def test_each_player_of_a_vae_gan_minimises_its_own_loss() -> None:
    """Encoder: feature distance and KL; decoder: the distance against D's cross-entropy; D: its cross-entropy alone. One
    backward pass gives each the slope of the loss that is its own, by central differences."""
    model, x = autoencoder("mlp").double(), torch.rand(5, *SHAPE).double()
    objective = plugins.build("objective", PartSpec("core/vae-gan", {"beta": 2.0, "adversary": 0.3}))
    objective.prepare(model, 100)
    discriminate = objective.double().discriminator

    def parts() -> tuple[float, float, float]:
        rng = torch.Generator().manual_seed(3)
        mean, logvar = model.posterior(x)
        noise, fresh = (torch.randn(5, 6, generator=rng).double() for _ in range(2))
        again, drawn = model.decoder(mean + (0.5 * logvar).exp() * noise), model.decoder(fresh)
        stages = [[s.detach().numpy() for s in discriminate.discriminate(y).stages] for y in (x, again)]
        distance = np.mean([((a - b) ** 2).mean() for a, b in zip(*stages, strict=True)])
        kl = 0.5 * (mean.square() + logvar.exp() - logvar - 1).sum(1).mean().item()
        logits = [discriminate.discriminate(y).logits.detach().numpy() for y in (x, again, drawn)]
        told = softplus(-logits[0]).mean() + 0.5 * (softplus(logits[1]).mean() + softplus(logits[2]).mean())
        return float(distance), kl, float(told)

    total = objective.loss(model, x, torch.Generator().manual_seed(3), 0).total
    total.backward()
    distance, kl, told = parts()
    assert total.item() == pytest.approx(distance + 2.0 * kl / 64 + told, rel=1e-9)
    cases = [
        (model.encoder.layers[0][0].weight, lambda: parts()[0] + 2.0 * parts()[1] / 64),
        (model.decoder.first.weight, lambda: parts()[0] - 0.3 * parts()[2]),
        (discriminate.encoder.layers[0][0].weight, lambda: parts()[2]),
    ]
    for weight, own in cases:
        assert weight.grad[1, 2].item() == pytest.approx(slope(own, weight, (1, 2)), rel=1e-3, abs=1e-8)
