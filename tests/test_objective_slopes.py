"""What autoencoders minimise, written out in numpy with the nets themselves: values, and every slope by central
differences. One small net of each kind, in float64, on fresh random inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import zoo
from zoo import plugins
from zoo.losses.augmentation import draw
from zoo.losses.types import StepContext
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.spectral import Gain, leading_singular
from zoo.networks.types import DiscriminatorOutput
from zoo.types import DataSpec, PartSpec

N, D, K = 5, 6, 3
SEED = 11
BITS = 0.1
Arrays = list[np.ndarray]


def model_of(seed: int, bottleneck: str = "gaussian") -> Autoencoder:
    """6 values -> 4 -> a code of 3 -> 4 -> 6, tanh throughout, in float64."""
    part = PartSpec("mlp", {"widths": [4], "activation": "tanh"})
    made = zoo.autoencoder(part, part, bottleneck=bottleneck, shape=(D,), code_shape=K, seed=seed).double()
    with torch.no_grad():
        for weight in made.parameters():
            weight += 0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed)).double()
    return made


class Net:
    """The same net in numpy, from its weights in order: encoder, mean (and log-variance), decoder's two layers."""

    def __init__(self, weights: Arrays) -> None:
        pairs = list(zip(weights[::2], weights[1::2], strict=True))
        self.encoder, self.mean, self.first, self.last = pairs[0], pairs[1], pairs[-2], pairs[-1]
        self.logvar = pairs[2] if len(pairs) == 5 else None

    def code(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and log-variance."""
        hidden = np.tanh(_affine(x, self.encoder))
        return _affine(hidden, self.mean), _affine(hidden, self.logvar) if self.logvar else np.zeros(())

    def decode(self, z: np.ndarray) -> np.ndarray:
        return np.tanh(_affine(np.tanh(_affine(z, self.first)), self.last))

    def pulled_back(self, z: np.ndarray, v: np.ndarray) -> np.ndarray:
        """J(z)^T v."""
        hidden = np.tanh(_affine(z, self.first))
        return ((v * (1 - self.decode(z) ** 2)) @ self.last[0] * (1 - hidden**2)) @ self.first[0]


def _affine(x: np.ndarray, layer: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return x @ layer[0].T + layer[1]


def drawn(*shape: int) -> np.ndarray:
    """The objective's first draw."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(SEED)).double().numpy()


def mse(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a - b) ** 2).mean())


def autoencoder(net: Net, x: np.ndarray) -> float:
    mean, _ = net.code(x)
    return mse(x, net.decode(mean)) + 0.3 * 0.5 * (mean**2).sum(1).mean()


def denoising(net: Net, x: np.ndarray) -> float:
    return mse(x, net.decode(net.code(x + 0.1 * 2 * drawn(N, D))[0]))


def divergences(net: Net, x: np.ndarray) -> np.ndarray:
    """The KL of every value of the code, averaged over the batch."""
    mean, logvar = net.code(x)
    return np.asarray((0.5 * (mean**2 + np.exp(logvar) - logvar - 1)).mean(0))


def variational(net: Net, x: np.ndarray) -> float:
    mean, logvar = net.code(x)
    return mse(x, net.decode(mean + np.exp(logvar / 2) * drawn(N, K))) + 0.7 * float(divergences(net, x).sum()) / D


def with_free_bits(net: Net, x: np.ndarray) -> float:
    """A value that diverges less counts as `BITS`, one that diverges more as it does."""
    mean, logvar = net.code(x)
    each = divergences(net, x)
    assert (each < BITS).any()
    assert (each > BITS).any()
    return mse(x, net.decode(mean + np.exp(logvar / 2) * drawn(N, K))) + 0.7 * float(np.maximum(each, BITS).sum()) / D


def matched(net: Net, x: np.ndarray) -> float:
    mean, _ = net.code(x)
    wanted = drawn(N, K)

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(sum(2 * K * s / (2 * K * s + ((a - b) ** 2).sum()) for s in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)))

    pairs = [(i, j) for i in range(N) for j in range(N)]
    within = sum(kernel(y[i], y[j]) for y in (mean, wanted) for i, j in pairs if i != j) / (N * (N - 1))
    between = sum(kernel(mean[i], wanted[j]) for i, j in pairs) / N**2
    return mse(x, net.decode(mean)) + 5.0 * (within - 2 * between) / D


def regularised(net: Net, x: np.ndarray) -> float:
    mean, _ = net.code(x)
    weights = sum(float((part**2).sum()) for layer in (net.first, net.last) for part in layer)
    return mse(x, net.decode(mean)) + 0.2 * 0.5 * (mean**2).sum(1).mean() + 0.01 * weights


def smooth(net: Net, x: np.ndarray) -> float:
    mean, _ = net.code(x)
    slope = net.pulled_back(mean, drawn(N, D))
    return mse(x, net.decode(mean)) + 0.2 * 0.5 * (mean**2).sum(1).mean() + 0.3 * 0.5 * (slope**2).sum(1).mean()


class Case(NamedTuple):
    component: str
    config: dict[str, object]
    bottleneck: str
    by_hand: Callable[[Net, np.ndarray], float]


CASES = {
    "ae": Case("ae", {"code_penalty": 0.3}, "linear", autoencoder),
    "denoising": Case("ae", {"noise": 0.1}, "linear", denoising),
    "vae": Case("vae", {"beta": 0.7}, "gaussian", variational),
    "free bits": Case("vae", {"beta": 0.7, "free_bits": BITS}, "gaussian", with_free_bits),
    "wae-mmd": Case("wae-mmd", {"weight": 5.0}, "linear", matched),
    "rae": Case("rae", {"code_penalty": 0.2, "decoder": "l2", "decoder_weight": 0.01}, "linear", regularised),
    "rae-gp": Case("rae", {"code_penalty": 0.2, "decoder": "gradient", "decoder_weight": 0.3}, "linear", smooth),
}


def slopes(value: Callable[[], float], weight: np.ndarray) -> np.ndarray:
    """Central differences by every entry of a weight, which is changed in place and put back."""
    found = np.zeros_like(weight)
    for index in np.ndindex(weight.shape):
        kept = weight[index]
        weight[index] = kept + 1e-6
        up = value()
        weight[index] = kept - 1e-6
        found[index] = (up - value()) / 2e-6
        weight[index] = kept
    return found


def images_of(seed: int) -> Tensor:
    return torch.rand(N, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_an_autoencoders_loss_and_all_its_slopes_equal_numpys(name: str, seed: int) -> None:
    """RAE-GP's slope is a double backward."""
    case, model, x = CASES[name], model_of(seed, CASES[name].bottleneck), images_of(seed)
    objective = plugins.build("objective", PartSpec(f"core/{case.component}", case.config))
    total = objective.loss(model, x, torch.Generator().manual_seed(SEED), 0).total
    weights = [weight.detach().numpy().copy() for weight in model.parameters()]

    def by_hand() -> float:
        return case.by_hand(Net(weights), x.numpy())

    assert total.item() == pytest.approx(by_hand(), rel=1e-10)
    found = torch.autograd.grad(total, list(model.parameters()), allow_unused=True)
    for weight, ours in zip(weights, found, strict=True):
        theirs = slopes(by_hand, weight)
        assert (np.zeros_like(theirs) if ours is None else ours.numpy()) == pytest.approx(theirs, abs=1e-7)


@pytest.mark.parametrize("seed", [1, 2])
def test_both_players_of_an_adversarial_autoencoder_get_the_slopes_of_their_own_loss(seed: int) -> None:
    """Critic: its cross-entropy; encoder and bottleneck: the error less `weight` times it; decoder: the error alone."""
    model, x = model_of(seed, "linear"), images_of(seed)
    objective = plugins.build("objective", PartSpec("core/aae", {"weight": 0.4, "width": 4}))
    objective.prepare(model, 100)
    objective.double()
    total = objective.loss(model, x, torch.Generator().manual_seed(SEED), 0).total
    weights = [weight.detach().numpy().copy() for weight in model.parameters()]
    critic = [weight.detach().numpy().copy() for weight in objective.critic.parameters()]

    def judged(z: np.ndarray) -> np.ndarray:
        for i in range(0, len(critic), 2):
            z = _affine(z if i == 0 else np.where(z > 0, z, 0.2 * z), (critic[i], critic[i + 1]))
        return z

    def error() -> float:
        net = Net(weights)
        return mse(x.numpy(), net.decode(net.code(x.numpy())[0]))

    def told() -> float:
        code = Net(weights).code(x.numpy())[0]
        return float(np.logaddexp(0, -judged(drawn(N, K))).mean() + np.logaddexp(0, judged(code)).mean())

    assert total.item() == pytest.approx(error() + told(), rel=1e-10)
    decoder = len(list(model.decoder.parameters()))
    for i, (weight, ours) in enumerate(
        zip(weights, torch.autograd.grad(total, list(model.parameters()), retain_graph=True), strict=True)
    ):
        theirs = slopes(error, weight)
        if i < len(weights) - decoder:
            theirs = theirs - 0.4 * slopes(told, weight)
        assert ours.numpy() == pytest.approx(theirs, abs=1e-7)
    for weight, ours in zip(critic, torch.autograd.grad(total, list(objective.critic.parameters())), strict=True):
        assert ours.numpy() == pytest.approx(slopes(told, weight), abs=1e-7)


@pytest.mark.parametrize("seed", [1, 2])
def test_consistency_and_its_slopes_equal_numpys(seed: int) -> None:
    """gamma E (D(x) - D(T x))^2 over real and generated images, T one translation for both; D's weights learn by both
    of its looks."""
    rng = torch.Generator().manual_seed(seed)
    real, fake = (torch.randn(N, 1, 8, 8, generator=rng, dtype=torch.float64) for _ in range(2))
    a = torch.randn(64, 3, generator=rng, dtype=torch.float64).mul_(0.2).requires_grad_()

    def discriminate(x: Tensor) -> DiscriminatorOutput:
        return DiscriminatorOutput(torch.tanh(x.flatten(1) @ a), ())

    context = StepContext(
        real=real,
        fake=fake,
        z=fake,
        indices=torch.arange(N),
        shown=0,
        discriminate=discriminate,
        generate=discriminate,
        groups=(3,),
        fake_output=discriminate(fake),
        real_output=discriminate(real),
        rng=rng,
    )
    shifts = draw(("translation",), N, DataSpec((1, 8, 8)), torch.Generator().set_state(rng.get_state())).shifts
    penalty = plugins.build("regulariser", PartSpec("core/consistency", {"gamma": 3.0})).penalty(context)
    weight = a.detach().numpy().copy()

    def by_hand() -> float:
        total = 0.0
        for x in (real.numpy(), fake.numpy()):
            transferred = np.zeros_like(x)
            for i, (down, right) in enumerate(shifts.tolist()):
                for row, column in np.ndindex(8, 8):
                    if 0 <= row - down < 8 and 0 <= column - right < 8:
                        transferred[i, 0, row, column] = x[i, 0, row - down, column - right]
            total += mse(np.tanh(x.reshape(N, 64) @ weight), np.tanh(transferred.reshape(N, 64) @ weight))
        return 3.0 * total

    assert shifts is not None
    assert shifts.any()
    assert penalty.item() == pytest.approx(by_hand(), rel=1e-10)
    (ours,) = torch.autograd.grad(penalty, a)
    for index in ((0, 0), (27, 1), (63, 2)):
        kept = weight[index]
        weight[index] = kept + 1e-6
        up = by_hand()
        weight[index] = kept - 1e-6
        assert ours[index].item() == pytest.approx((up - by_hand()) / 2e-6, rel=1e-5, abs=1e-8)
        weight[index] = kept


@pytest.mark.parametrize("gain", [False, True])
@pytest.mark.parametrize("arch", ["mlp", "dcgan"])
def test_a_spectral_norm_divides_by_numpys_largest_singular_value_and_so_do_its_slopes(arch: str, gain: bool) -> None:
    """W / sigma(W) and its slope by W, against numpy's SVD and central differences; a kept gain multiplies both."""
    config = {"widths": [5, 4], "norm": "spectral"} if arch == "mlp" else {"width": 4, "norm": "spectral"}
    trunk = zoo.gan("mlp", PartSpec(arch, config), shape=(1, 8, 8), code_shape=K, seed=3).discriminator.encoder.double()
    layer = trunk.layers[1][0] if arch == "mlp" else trunk.stages[0][0]
    held = layer.parametrizations.weight
    original = held.original.detach().numpy().copy()
    matrix = original.reshape(len(original), -1)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    u, v, sigma = (part.numpy() for part in leading_singular(layer, held.original.detach()))
    assert sigma == pytest.approx(values[0], rel=1e-10)
    assert np.abs(u @ left[:, 0]) == pytest.approx(1.0)
    assert np.sign(u @ left[:, 0]) * v == pytest.approx(right[0])
    factor = 1.0
    if gain:
        nn.utils.parametrize.register_parametrization(layer, "weight", Gain().double())
        factor = 2.5
        held[1].gain.fill_(factor)
    for _ in range(300):
        trunk.train()(torch.zeros(2, 1, 8, 8, dtype=torch.float64))
    trunk.eval()
    towards = np.random.default_rng(0).normal(size=original.shape)

    def by_hand() -> float:
        flat = original.reshape(len(original), -1)
        return float((factor * original / np.linalg.svd(flat, compute_uv=False)[0] * towards).sum())

    value = (layer.weight * torch.from_numpy(towards)).sum()
    assert value.item() == pytest.approx(by_hand(), rel=1e-6)
    (ours,) = torch.autograd.grad(value, held.original)
    assert ours.numpy() == pytest.approx(slopes(by_hand, original), rel=1e-4, abs=1e-4)
