"""KID and FID against other people's code, and the rules of measuring."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel
from torch import Tensor, nn

from zoo.data.images import ImageSet
from zoo.errors import ConfigError, DataError, PluginError
from zoo.metrics.distances import fid, fid_infinity, kid, kid_interval
from zoo.metrics.evaluate import Reference, evaluate, features_of
from zoo.metrics.manifolds import manifolds
from zoo.metrics.memorisation import memorisation, nearest
from zoo.metrics.own import refuse_own_features
from zoo.metrics.slices import sliced_wasserstein
from zoo.types import DataSpec, Metric


def features(n: int, d: int = 6, shift: float = 0.0, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=torch.Generator().manual_seed(77)) / d**0.5
    return torch.randn(n, d, generator=rng) @ mix + shift


def kid_by_sklearn(a: Tensor, b: Tensor) -> float:
    x, y = a.double().numpy(), b.double().numpy()
    kernel = {"degree": 3, "gamma": 1 / x.shape[1], "coef0": 1}
    within = [polynomial_kernel(v, v, **kernel) for v in (x, y)]
    unbiased = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in within]
    return float(sum(unbiased) - 2 * polynomial_kernel(x, y, **kernel).mean())


def fid_by_scipy(a: Tensor, b: Tensor) -> float:
    x, y = a.double().numpy(), b.double().numpy()
    one, two = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    gap = ((x.mean(0) - y.mean(0)) ** 2).sum()
    return float(gap + np.trace(one + two - 2 * sqrtm(one @ two).real))


@pytest.mark.parametrize(("m", "n", "d", "shift"), [(50, 70, 6, 0.0), (2300, 40, 5, 0.3), (30, 30, 12, 2.0)])
def test_kid_and_fid_equal_the_references(m: int, n: int, d: int, shift: float) -> None:
    a, b = features(m, d, seed=1), features(n, d, shift, seed=2)
    assert kid(a, b) == pytest.approx(kid_by_sklearn(a, b), rel=1e-6)
    assert fid(a, b) == pytest.approx(fid_by_scipy(a, b), rel=1e-6)


def test_fid_holds_with_fewer_rows_than_dimensions() -> None:
    """Rank-deficient covariances: the root of A by eigenvectors gives the same value."""
    a, b = features(5, 20, seed=1).double(), features(9, 20, 0.5, seed=2).double()
    one, two = torch.cov(a.T), torch.cov(b.T)
    values, vectors = torch.linalg.eigh(one)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    trace = torch.linalg.eigvalsh(root @ two @ root).clamp_min(0).sqrt().sum()
    gap = (a.mean(0) - b.mean(0)).square().sum()
    expected = (gap + one.trace() + two.trace() - 2 * trace).item()
    assert fid(a, b) == pytest.approx(expected, rel=1e-5)


def test_fid_of_a_known_pair() -> None:
    """Two points a side, one dimension: means 0 and 3, variances 2 and 8, so 9 + 2 + 8 - 2 * 4 = 11."""
    assert fid(torch.tensor([[-1.0], [1.0]]), torch.tensor([[1.0], [5.0]])) == pytest.approx(11)


@pytest.mark.parametrize(("m", "n", "d", "shift"), [(300, 300, 8, 0.0), (400, 400, 16, 0.4)])
def test_figures_equal_torch_fidelitys_on_the_same_features(m: int, n: int, d: int, shift: float) -> None:
    metric_fid = pytest.importorskip("torch_fidelity.metric_fid")
    metric_kid = pytest.importorskip("torch_fidelity.metric_kid")
    metric_prc = pytest.importorskip("torch_fidelity.metric_prc")
    a, b = features(m, d, seed=1).double(), features(n, d, shift, seed=2).double()
    ones = [metric_fid.fid_features_to_statistics(x) for x in (a, b)]
    theirs = metric_fid.fid_statistics_to_metric(*ones, verbose=False)["frechet_inception_distance"]
    assert fid(a, b) == pytest.approx(theirs, rel=1e-5)
    theirs = metric_kid.kid_features_to_metric(a, b, kid_subsets=1, kid_subset_size=m, verbose=False)
    assert kid(a, b) == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-5)
    theirs = metric_prc.prc_features_to_metric(
        a, b, prc_neighborhood=5, prc_batch_size=100, save_cpu_ram=False, verbose=False
    )
    found = manifolds(b, a, 5)
    assert (found.precision, found.recall) == pytest.approx((theirs["precision"], theirs["recall"]), abs=1e-6)


def test_figures_equal_torchmetrics_on_the_same_features() -> None:
    image = pytest.importorskip("torchmetrics.image")
    a, b = features(200, 12, seed=1), features(240, 12, 0.4, seed=2)

    class Given(nn.Module):
        num_features = 12

        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1)

    judge = image.FrechetInceptionDistance(feature=Given(), normalize=True, input_img_size=(1, 1, 12))
    judge.set_dtype(torch.float64)
    judge.update(a.double(), real=False)
    judge.update(b.double(), real=True)
    assert fid(a, b) == pytest.approx(judge.compute().item(), rel=1e-5)
    whole = image.KernelInceptionDistance(feature=Given(), subsets=1, subset_size=200, normalize=True)
    whole.update(a.double(), real=False)
    whole.update(b[:200].double(), real=True)
    assert kid(a, b[:200]) == pytest.approx(whole.compute()[0].item(), rel=1e-5)


def balls(rows: np.ndarray, k: int) -> np.ndarray:
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    return np.sort(distances, 1)[:, k]


@pytest.mark.parametrize(("m", "n", "k", "shift"), [(40, 40, 5, 0.5), (30, 50, 3, 0.0), (25, 25, 1, 2.0)])
def test_manifold_figures_follow_their_definitions(m: int, n: int, k: int, shift: float) -> None:
    real, fake = features(m, 4, seed=1).double().numpy(), features(n, 4, shift, seed=2).double().numpy()
    apart = np.linalg.norm(real[:, None] - fake[None], axis=2)
    inside = apart <= balls(real, k)[:, None]
    found = manifolds(torch.from_numpy(real), torch.from_numpy(fake), k)
    assert found.precision == pytest.approx(inside.any(0).mean())
    assert found.recall == pytest.approx((apart <= balls(fake, k)[None]).any(1).mean())
    assert found.density == pytest.approx(inside.sum() / (k * n))
    assert found.coverage == pytest.approx(inside.any(1).mean())


def test_lost_modes_lower_recall_and_noise_lowers_precision() -> None:
    real = torch.cat([features(100, 4, seed=1), features(100, 4, 8.0, seed=2)])
    half, blurred = features(200, 4, seed=3), real + 4 * torch.randn(200, 4, generator=torch.Generator().manual_seed(4))
    assert manifolds(real, half).recall < 0.6 < manifolds(real, half).precision
    assert manifolds(real, blurred).precision < 0.5
    with pytest.raises(DataError, match="too few"):
        manifolds(real[:5], half)


@pytest.mark.parametrize(("m", "n"), [(20, 20), (20, 33), (7, 30)])
def test_sliced_wasserstein_equals_scipys_transport_along_each_direction(m: int, n: int) -> None:
    """W2 in one dimension from the quantile functions, integrated on a fine grid that both step on."""
    a, b = features(m, 3, seed=1).double(), features(n, 3, 0.5, seed=2).double()
    ways = torch.randn(64, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ways /= ways.norm(dim=1, keepdim=True)
    squares = []
    for way in ways:
        x, y = np.repeat(np.sort((a @ way).numpy()), n), np.repeat(np.sort((b @ way).numpy()), m)
        squares.append(((x - y) ** 2).mean())
    assert sliced_wasserstein(a, b, directions=64) == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-9)


def test_fid_infinity_takes_the_bias_of_few_samples_away() -> None:
    real = features(3000, 24, seed=1)
    truth = fid(features(30_000, 24, 0.2, seed=2), real)
    sets = [features(500, 24, 0.2, seed=seed) for seed in range(3, 11)]
    plain, endless = (np.mean([measure(few, real) for few in sets]) - truth for measure in (fid, fid_infinity))
    assert plain > 0.1
    assert abs(endless) < 0.5 * plain
    assert fid_infinity(sets[0], real) == fid_infinity(sets[0], real)
    with pytest.raises(DataError, match="29 samples"):
        fid_infinity(sets[0][:29], real)


def test_copies_of_what_was_learnt_are_told_from_new_images() -> None:
    train, held, new = (features(200, 6, seed=seed) for seed in (1, 2, 3))
    copied = train[:150] + 1e-3
    assert memorisation(copied, train, held).nearness < 0.01
    assert memorisation(copied, train, held).gap < memorisation(new, train, held).gap
    assert 0.8 < memorisation(new, train, held).nearness < 1.25
    rows, distances = nearest(copied, train)
    assert torch.equal(rows, torch.arange(150))
    assert distances.max() < 0.01


def test_a_set_has_no_distance_to_itself() -> None:
    a = features(400, 16)
    assert fid(a, a) == pytest.approx(0, abs=1e-9)
    value, interval = kid_interval(a[:200], a[200:])
    assert interval is not None
    assert interval[0] < 0 < interval[1]
    assert abs(value) < 0.1 * kid(a[:200], a[200:] + 1)


def test_kid_is_unbiased_where_the_biased_estimate_is_not() -> None:
    values = [kid(features(12, 3, seed=2 * i), features(12, 3, seed=2 * i + 1)) for i in range(300)]
    error = np.std(values) / math.sqrt(len(values))
    assert abs(np.mean(values)) < 4 * error


def test_order_of_rows_and_of_sets_does_not_matter() -> None:
    a, b = features(60), features(80, shift=0.4, seed=1)
    turned = b.flip(0)
    assert kid(a, b) == pytest.approx(kid(b, a), rel=1e-12)
    assert kid(a, b) == pytest.approx(kid(a, turned), rel=1e-12)
    assert fid(a, b) == pytest.approx(fid(turned, a), rel=1e-9)


def test_kid_of_subsets_agrees_with_all_pairs() -> None:
    a, b = features(300), features(300, shift=1.0, seed=1)
    assert kid(a, b, subsets=60, size=100) == pytest.approx(kid(a, b), rel=0.1)
    assert kid(a, b, subsets=3, size=100) == kid(a, b, subsets=3, size=100)
    with pytest.raises(ConfigError, match="0 subsets"):
        kid(a, b, subsets=0)


def kid_of_weights(a: Tensor, b: Tensor, p: np.ndarray, q: np.ndarray) -> float:
    """KID of weighted rows without pairs of a row with itself, from the whole kernel matrices."""
    kernel = {"degree": 3, "gamma": 1 / a.shape[1], "coef0": 1}
    within = [polynomial_kernel(v, v, **kernel) for v in (a.double().numpy(), b.double().numpy())]
    across = polynomial_kernel(a.double().numpy(), b.double().numpy(), **kernel)
    parts = [(w @ k @ w - (w * w) @ np.diag(k)) / (w.sum() ** 2 - w @ w) for w, k in zip((p, q), within, strict=True)]
    return float(sum(parts) - 2 * p @ across @ q / (p.sum() * q.sum()))


def test_the_interval_is_the_value_at_tilted_weights() -> None:
    """DiCiccio and Efron's ABC, with influences by finite differences of the weighted value."""
    a, b = features(13), features(11, shift=0.5, seed=1)
    p, q = np.full(13, 1 / 13), np.full(11, 1 / 11)

    def influence(n: int, value: object) -> np.ndarray:
        assert callable(value)
        steps = [1e-6 * (np.eye(n)[i] - 1 / n) for i in range(n)]
        return np.array([(value(step) - value(-step)) / 2e-6 for step in steps])

    u = influence(13, lambda step: kid_of_weights(a, b, p + step, q))
    v = influence(11, lambda step: kid_of_weights(a, b, p, q + step))
    error = math.sqrt((u**2).sum() / 13**2 + (v**2).sum() / 11**2)
    lean = ((u**3).sum() / 13**3 + (v**3).sum() / 11**3) / (6 * error**3)
    expected = []
    for normal in (-1.959964, 1.959964):
        step = (lean + normal) / (1 - lean * (lean + normal)) ** 2 / error
        expected.append(kid_of_weights(a, b, p + step * u / 13**2, q + step * v / 11**2))
    value, interval = kid_interval(a, b)
    assert value == kid(a, b)
    assert interval == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("draws", "least", "most"), [(100, 87, 100), pytest.param(2000, 1860, 1940, marks=pytest.mark.long)]
)
def test_the_interval_covers_the_truth_as_often_as_it_says(draws: int, least: int, most: int) -> None:
    rng = torch.Generator().manual_seed(0)
    mix = torch.randn(16, 16, generator=rng, dtype=torch.float64) / 4

    def drawn(n: int, shift: float) -> Tensor:
        return torch.randn(n, 16, generator=rng, dtype=torch.float64) @ mix + shift

    truth = float(np.mean([kid(drawn(2000, 0.0), drawn(2000, 0.4)) for _ in range(max(3, draws // 100))]))
    hits = 0
    for _ in range(draws):
        _, interval = kid_interval(drawn(150, 0.0), drawn(120, 0.4))
        assert interval is not None
        hits += interval[0] <= truth <= interval[1]
    assert least <= hits <= most


def test_too_few_rows_for_an_interval_give_none() -> None:
    assert kid_interval(features(9), features(50))[1] is None


@pytest.mark.parametrize("measure", [kid, fid])
def test_sets_that_cannot_be_compared_are_refused(measure: object) -> None:
    assert callable(measure)
    with pytest.raises(DataError, match="1 and 5 samples"):
        measure(features(1), features(5))
    with pytest.raises(DataError, match="cannot be compared"):
        measure(features(5, 3), features(5, 4))
    with pytest.raises(DataError, match="not finite"):
        measure(torch.full((5, 6), math.nan), features(5))


# ---------------------------------------------------------------- images


class Corners(nn.Module):
    """A feature space whose features are the means of an image's quarters; counts the images that it saw."""

    sha256 = "ab" * 32
    dim = 4

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []
        self.modes: list[bool] = []

    def features(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        self.modes.append(self.training or torch.is_grad_enabled())
        return nn.functional.adaptive_avg_pool2d(images.mean(1, keepdim=True), 2).flatten(1)


def image_set(count: int = 60, held: int = 20, spec: DataSpec | None = None) -> ImageSet:
    spec = spec or DataSpec((1, 4, 4))
    rng = torch.Generator().manual_seed(0)
    rows = torch.arange(count)
    pixels = torch.randint(0, 256, (count, *spec.shape), generator=rng, dtype=torch.uint8)
    return ImageSet("toy", spec, pixels, None, rows[held:], rows[:held], "CC0-1.0", "nobody")


def named(metrics: tuple[Metric, ...]) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


def test_records_say_what_was_measured() -> None:
    real = image_set()
    found = named(evaluate(real.batch(real.train[:15]), real, Corners(), "toy/corners", seeds=(7,)))
    assert set(found) == {"kid", "fid", "precision", "recall"}
    for metric in found.values():
        assert (metric.n, metric.reference, metric.data, metric.split) == (15, 20, "toy", "held-out")
        assert metric.extractor == "toy/corners@abababababab"
        assert metric.seeds == (7,)
    low, high = found["kid"].interval or (0, 0)
    assert low < found["kid"].value < high


def test_values_are_those_of_the_features_and_floors_those_of_other_real_rows() -> None:
    real = image_set()
    space = Corners()
    samples = real.batch(real.train[:15]) * 0.3
    found = named(Reference(real, space, "x").measure(samples))
    held = features_of(real.pixels[real.held_out], real.spec, space)
    fake = features_of(samples, real.spec, space)
    assert found["kid"].value == pytest.approx(kid(fake, held))
    assert found["fid"].value == pytest.approx(fid(fake, held))
    rows = real.train[torch.randperm(40, generator=torch.Generator().manual_seed(0))[:15]]
    other = features_of(real.pixels[rows], real.spec, space)
    assert found["kid"].floor == pytest.approx(kid(other, held))
    assert found["fid"].floor == pytest.approx(fid(other, held))


def test_split_train_compares_with_training_rows() -> None:
    real = image_set()
    metric = Reference(real, Corners(), "x", split="train").measure(real.batch(real.train))[0]
    assert (metric.split, metric.reference) == ("train", 40)
    with pytest.raises(ConfigError, match="'test' is unknown"):
        Reference(real, Corners(), "x", split="test")


def test_fid_has_no_floor_where_there_are_fewer_real_rows_than_samples() -> None:
    """FID's bias depends on the count; KID's floor stays."""
    real = image_set()
    found = named(Reference(real, Corners(), "x").measure(torch.zeros(41, 1, 4, 4)))
    assert found["fid"].floor is None
    assert found["kid"].floor is not None


def test_measuring_again_costs_only_the_samples() -> None:
    real = image_set()
    space = Corners()
    judge = Reference(real, space, "x")
    first = judge.measure(torch.zeros(10, 1, 4, 4))
    space.seen.clear()
    assert judge.measure(torch.zeros(10, 1, 4, 4)) == first
    assert sum(len(images) for images in space.seen) == 10


def test_measuring_leaves_random_numbers_and_modes_alone() -> None:
    real = image_set()
    space = Corners().train()
    before = torch.get_rng_state()
    evaluate(real.batch(real.train[:8]), real, space, "x")
    assert torch.equal(before, torch.get_rng_state())
    assert not any(space.modes)
    assert space.training


def test_the_space_sees_minus_one_to_one_whatever_the_range() -> None:
    for low, high in ((-1.0, 1.0), (0.0, 1.0), (-3.0, 5.0)):
        spec = DataSpec((1, 1, 3), low, high)
        real = image_set(spec=spec)
        space = Corners()
        features_of(torch.tensor([low, (low + high) / 2, high]).reshape(1, 1, 1, 3), spec, space)
        assert space.seen[0].flatten().tolist() == [-1, 0, 1]
        as_bytes = features_of(real.pixels[:5], spec, space)
        as_floats = features_of(real.batch(torch.arange(5)), spec, space)
        assert torch.equal(as_bytes, as_floats)


def test_chunks_do_not_change_the_features() -> None:
    real = image_set()
    whole = features_of(real.pixels, real.spec, Corners())
    assert torch.equal(whole, features_of(real.pixels, real.spec, Corners(), chunk=7))


def test_samples_that_cannot_be_measured_are_refused() -> None:
    judge = Reference(image_set(), Corners(), "x")
    with pytest.raises(DataError, match="1 samples"):
        judge.measure(torch.zeros(1, 1, 4, 4))
    with pytest.raises(DataError, match="not images"):
        judge.measure(torch.zeros(5, 3, 4, 4))
    with pytest.raises(DataError, match="not finite"):
        judge.measure(torch.full((5, 1, 4, 4), math.nan))
    with pytest.raises(DataError, match="1 held-out images"):
        Reference(image_set(held=1), Corners(), "x")


def test_a_space_that_gives_another_shape_is_named() -> None:
    class Wrong(Corners):
        dim = 5

    with pytest.raises(PluginError, match="Wrong"):
        Reference(image_set(), Wrong(), "x")


def test_the_whole_table_has_every_figure_with_its_floor_at_the_same_count() -> None:
    real = image_set()
    judge = Reference(real, Corners(), "x")
    samples = real.batch(real.train[:30]) * 0.5
    found = named(judge.measure(samples, whole=True))
    assert list(found) == [
        *("kid", "fid", "fid_infinity", "precision", "recall", "density", "coverage", "sliced_wasserstein"),
        *("memorisation_gap", "nearness"),
    ]
    assert all(metric.floor is not None for metric in found.values())
    assert found["recall"].n == 20
    assert torch.equal(judge.neighbours(real.batch(real.train[3:6])), real.pixels[real.train[3:6]])


def test_the_features_of_the_judged_are_refused() -> None:
    own = nn.Linear(16, 8)

    class Borrowed(Corners):
        def __init__(self, weights: nn.Linear) -> None:
            super().__init__()
            self.net = nn.Linear(16, 8)
            self.net.load_state_dict(weights.state_dict())

    with pytest.raises(ConfigError, match="own discriminator"):
        refuse_own_features(Borrowed(own), {"encoder": nn.Linear(16, 8), "discriminator": own})
    refuse_own_features(Borrowed(nn.Linear(16, 8)), {"discriminator": own})
