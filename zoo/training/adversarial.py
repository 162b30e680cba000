"""One step of a GAN. It knows no loss, network, penalty or strategy by name."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo.data.images import ImageSet
from zoo.errors import ConfigError
from zoo.networks.compose import as_part
from zoo.networks.gan import GAN
from zoo.networks.seeds import stream
from zoo.objectives import augmentation
from zoo.objectives.adaptive import AdaptiveProbability
from zoo.protocols import (
    AdversarialObjective,
    Game,
    Judgement,
    Regulariser,
    Round,
    Schedule,
    Side,
    Stage,
    Term,
    Transfer,
)
from zoo.specs import DataSpec
from zoo.training.ema import MovingAverage
from zoo.training.freezing import freeze
from zoo.training.recipe import AdversarialTraining
from zoo.training.steering import Steering

__all__ = ["AdversarialTrainee", "ImageGame"]

_PREVIEW = 64
_SPREAD_OF = 512


class ImageGame:
    """The usual game: images are judged, the generator moves every `every`-th step."""

    def __init__(self, gan: GAN, every: int = 1) -> None:
        self.gan = gan
        self.every = every

    @property
    def groups(self) -> tuple[int, ...]:
        """D's."""
        return self.gan.discriminator.logit_groups  # type: ignore[return-value]

    def real(self, images: Tensor, indices: Tensor) -> Tensor:
        """The batch as it is."""
        return images

    def fake(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.gan.generator(z)  # type: ignore[no-any-return]

    def judge(self, x: Tensor) -> Judgement:
        """D's judgement."""
        return self.gan.discriminator.judge(x)  # type: ignore[operator, no-any-return]

    def players(self, side: Side) -> dict[str, nn.Module]:
        """G, or D."""
        return {side.value: self.gan.parts[side.value]}


class AdversarialTrainee:
    """A planned and applied transfer in training (scratch is the plan without edits)."""

    def __init__(self, plan: Transfer, images: ImageSet, training: AdversarialTraining, seed: int) -> None:
        self.gan = plan.gan
        self.plan = plan
        self.images = images
        self.training = training
        self.game: Game = plan.game or ImageGame(plan.gan)
        self.objective = _objective(plan, training)
        self.regulariser = _regulariser(training, plan.gan.data)
        self.augmentation = augmentation.parse(training.augment)
        adaptive = training.augment_probability == "adaptive"
        self.adaptive = AdaptiveProbability(training.augment_target, training.augment_images) if adaptive else None
        if self.augmentation and plan.game is not None:
            raise ConfigError(
                "augment is for images, and this strategy's discriminator judges codes", "Use augment=none."
            )
        self.rates = {Side.GENERATOR: training.generator_lr, Side.DISCRIMINATOR: training.discriminator_lr}
        self.weights: dict[Side, list[nn.Parameter]] = {side: [] for side in Side}
        self.adams: dict[Side, torch.optim.Adam] = {}
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        self.begun: list[Stage] = []
        self._enrol()
        self.average = MovingAverage(plan.gan.generator, training.ema_half_life, training.ema_ramp)
        self.modules: dict[str, nn.Module] = {
            **plan.gan.parts,
            "ema": self.average.net,
            "objective": cast(nn.Module, self.objective),
            **{f"terms.{name}": term for name, term in plan.terms.items()},
            **({"to_latent": plan.to_latent} if plan.to_latent is not None else {}),
            **({"game": plan.game} if isinstance(plan.game, nn.Module) else {}),
        }
        steered = {name: setting for name, setting, _ in self._settings() if isinstance(setting, nn.Module)}
        steered |= {"augment": self.adaptive} if self.adaptive is not None else {}
        self.steering = Steering(steered, next(plan.gan.generator.parameters()).device)
        if steered:
            self.modules["steering"] = self.steering
        self.streams = {name: stream(seed, name) for name in ("data", "codes", "losses", "augmentation")}

    def step(self, rows: Tensor, shown: int) -> dict[str, Tensor]:
        """G forward once; D moves, then G, each with one backward; the moving average follows."""
        self.advance(shown)
        n = shown // self.training.batch
        real = self.game.real(self.images.batch(rows), rows)
        z = self.gan.prior.sample(len(rows), self.streams["codes"]).to(real.device)  # type: ignore[operator]
        fake = self.game.fake(z)
        rng = self.streams["losses"]

        def table(real: Tensor, fake: Tensor, judge_real: bool) -> Round:
            view = self._view(len(rows))

            def judge(x: Tensor) -> Judgement:
                return self.game.judge(x if view is None else view(x))

            judged = judge(real) if judge_real else None
            generate, groups, to_latent = self.game.fake, self.game.groups, self.plan.to_latent
            return Round(real, fake, z, rows, shown, judge, generate, groups, judge(fake), judged, rng, to_latent, view)

        scalars: dict[str, Tensor] = {}
        game: Round | None = None
        if self._pace(Side.DISCRIMINATOR, shown):
            due = self.regulariser is not None and n % self.regulariser.interval == 0
            inputs = self.regulariser.inputs if due and self.regulariser else frozenset()
            game = table(_carrying(real, "real" in inputs), _carrying(fake.detach(), "fake" in inputs), True)
            loss = self.objective.d_loss(game) + self._terms(Side.DISCRIMINATOR, game)
            scalars["d_loss"] = loss.detach()
            if due and self.regulariser is not None:
                penalty = self.regulariser.penalty(game)
                scalars["penalty"] = penalty.detach()
                loss = loss + self.regulariser.interval * penalty
            self._move(Side.DISCRIMINATOR, loss)
            scalars["d_gradient"] = self._gradient(Side.DISCRIMINATOR)
            ours, theirs = cast(Judgement, game.real_judgement).realness, game.fake_judgement.realness
            scalars["d_wins"] = (ours.detach().mean(1) > theirs.detach().mean(1)).float().mean()
            if self.adaptive is not None:
                margin = ours - theirs if self.objective.paired else ours
                scalars["d_sign"] = margin.detach().sign().mean()
                scalars["augmented"] = self.adaptive.p.clone()
            scalars["d_real"] = cast(Judgement, game.real_judgement).realness.detach().mean()
            scalars["d_fake"] = game.fake_judgement.realness.detach().mean()
        if self._pace(Side.GENERATOR, shown) and n % self.game.every == 0:
            for weight in self.weights[Side.DISCRIMINATOR]:
                weight.requires_grad_(False)
            needs_real = self.objective.paired or any(term.needs_real for term in self._due(Side.GENERATOR, shown))
            game = table(real.detach(), fake, needs_real)
            loss = self.objective.g_loss(game) + self._terms(Side.GENERATOR, game)
            scalars["g_loss"] = loss.detach()
            self._move(Side.GENERATOR, loss)
            scalars["g_gradient"] = self._gradient(Side.GENERATOR)
            for weight in self.weights[Side.DISCRIMINATOR]:
                weight.requires_grad_(True)
        if game is not None:
            self.objective.after(game)
        self.average.update(self.gan.generator, len(rows), shown + len(rows))
        clocks = {"augment": shown + len(rows)}
        clocks |= {name: shown + len(rows) - since for name, _, since in self._settings() if since is not None}
        self.steering.after(scalars, clocks, len(rows))
        return scalars

    def advance(self, shown: int) -> None:
        """Begin every stage that is due after `shown` images. Resuming calls it before the optimisers' state comes."""
        for stage in self.plan.stages:
            if not any(stage is begun for begun in self.begun) and shown >= self._begins(stage):
                self.begun.append(stage)
                self.game = stage.game or self.game
                self._enrol()

    def preview(self) -> Tensor:
        """Samples of fixed codes by the averaged generator, (N, *data.shape) in the value range."""
        return self.averaged().sample(_PREVIEW)

    @functools.cached_property
    def real_spread(self) -> float:
        """The standard deviation of real samples, averaged over their values."""
        rows = self.images.train[:_SPREAD_OF]
        return self.images.batch(rows).std(0, unbiased=False).mean().item()

    def averaged(self) -> GAN:
        """The GAN with the averaged generator in place of the live one."""
        return GAN(self.gan.prior, self.average.net, self.gan.discriminator, self.gan.specs)

    def _view(self, n: int) -> Callable[[Tensor], Tensor] | None:
        """One draw of the augmentation, for every image that D sees in this round."""
        if not self.augmentation:
            return None
        data = self.gan.data
        chosen = self.training.augment_probability
        probability = float(self.adaptive.p) if self.adaptive is not None else None if chosen == 1.0 else float(chosen)
        drawn = augmentation.draw(self.augmentation, n, data, self.streams["augmentation"], probability)
        return lambda x: augmentation.augment(x, drawn, data)

    def _move(self, side: Side, loss: Tensor) -> None:
        adam = self.adams[side]
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()

    def _gradient(self, side: Side) -> Tensor:
        """The norm of all gradients of the step that was just taken."""
        slopes = [weight.grad for weight in self.weights[side] if weight.grad is not None]
        norms: list[Tensor] = list(torch._foreach_norm(slopes))
        return torch.stack(norms).square().sum().sqrt()

    def _pace(self, side: Side, shown: int) -> float:
        """The side's learning rate for this step, set and returned; 0 means that it rests."""
        if side not in self.adams:
            return 0.0
        key = f"{side.value}.lr/"
        multipliers = (
            setting(shown - since)
            for name, setting, since in self._settings()
            if since is not None and name.startswith(key)
        )
        rate = self.rates[side] * math.prod(multipliers)
        for group in self.adams[side].param_groups:
            group["lr"] = rate
        return rate

    def _due(self, side: Side, shown: int) -> Sequence[Term]:
        terms = cast(dict[str, Term], self.plan.terms)
        return [term for term in terms.values() if term.side == side and term.weight(shown)]

    def _terms(self, side: Side, game: Round) -> Tensor:
        total = torch.zeros((), device=game.fake.device)
        for term in self._due(side, game.shown):
            total = total + term.weight(game.shown) * term.forward(game)
        return total

    def _begins(self, stage: Stage) -> int:
        return math.ceil(stage.after * self.training.images)

    def _settings(self) -> Iterator[tuple[str, Schedule, int | None]]:
        """Every schedule with a name of its own and the images at which its clock began, None if it has not."""
        for key, schedules in self.plan.schedules.items():
            for i, schedule in enumerate(schedules):
                yield f"{key}/{i}", schedule, 0
        for j, stage in enumerate(self.plan.stages):
            began = self._begins(stage) if any(stage is begun for begun in self.begun) else None
            for key, schedules in stage.schedules.items():
                for i, schedule in enumerate(schedules):
                    yield f"{key}/stage{j}/{i}", schedule, began

    def _enrol(self) -> None:
        """Freeze what is to be frozen now, and give each side's optimiser the weights that it does not hold yet."""
        thawed: dict[str, set[str]] = {}
        for stage in self.begun:
            for net, names in stage.thaws.items():
                thawed.setdefault(net, set()).update(names)
        freeze(self.plan, thawed)
        betas = (self.training.beta1, self.training.beta2)
        for side in Side:
            held = {id(weight) for weight in self.weights[side]}
            new = [weight for weight in self._trained(side) if id(weight) not in held]
            self.weights[side] += new
            if new and side in self.adams:
                self.adams[side].add_param_group({"params": new})
            elif new:
                self.adams[side] = torch.optim.Adam(new, self.rates[side], betas, foreach=True)
                self.optimisers[side.value] = self.adams[side]

    def _trained(self, side: Side) -> list[nn.Parameter]:
        players = self.game.players(side)
        terms = {name: term for name, term in self.plan.terms.items() if cast(Term, term).side == side}
        modules = [*players.values(), *terms.values()]
        unique = dict.fromkeys(weight for module in modules for weight in module.parameters())
        return [weight for weight in unique if weight.requires_grad]


def _carrying(x: Tensor, gradients: bool) -> Tensor:
    return x.detach().requires_grad_() if gradients else x


def _objective(plan: Transfer, training: AdversarialTraining) -> AdversarialObjective:
    objective = plan.objective or plugins.build("objective", as_part(training.objective))
    if not isinstance(objective, AdversarialObjective):
        raise ConfigError(
            f"objective {training.objective} does not train GANs", "Use core/relativistic or core/non-saturating."
        )
    return objective


def _regulariser(training: AdversarialTraining, data: DataSpec) -> Regulariser | None:
    if training.regulariser == "none":
        return None
    part = as_part(training.regulariser)
    regulariser = cast(Regulariser, plugins.build("regulariser", part))
    plugins.require(plugins.find("regulariser", part.component), regulariser, Regulariser)
    settle: Callable[[DataSpec, int], None] | None = getattr(regulariser, "settle", None)
    if settle is not None:
        settle(data, training.batch)
    return regulariser
