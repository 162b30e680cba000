"""One step of a GAN. It knows no loss, network, penalty or strategy by name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from zoo._utils.seeds import stream
from zoo.data.images import ImageSet
from zoo.errors import ConfigError
from zoo.losses import augmentation
from zoo.losses.augmentation import AdaptiveProbability
from zoo.losses.types import AuxiliaryLoss, Regulariser, Side, StepContext
from zoo.networks.gan import GAN
from zoo.networks.types import DiscriminatorOutput
from zoo.training import distributed as ranks
from zoo.training.devices import Engine
from zoo.training.ema import MovingAverage
from zoo.training.optim import Balance, ParameterOptimizer, grad_norm
from zoo.training.recipe import AdversarialTraining
from zoo.training.schedule import FeedbackController, PhaseSchedule, freeze
from zoo.training.task import objective_of, regulariser_of
from zoo.transfers.plan import TransferPlan
from zoo.transfers.report import nets_of

__all__ = ["GANTrainer"]

_PREVIEW = 64
_SPREAD_OF = 512


class GANTrainer:
    """A planned and applied transfer in training (scratch is the plan without edits). Its nets are moved to the
    engine's device, but for the prior, which draws on the CPU."""

    def __init__(
        self,
        plan: TransferPlan,
        images: ImageSet,
        training: AdversarialTraining,
        seed: int,
        engine: Engine | None = None,
    ) -> None:
        self.engine = engine or Engine()
        self.engine.parts(training.batch)  # refused before anything is shown or written
        self.gan = plan.gan
        self.plan = plan
        self.images = images.to(self.engine.device)
        self.training = training
        self.objective = objective_of(plan, training)
        self.regulariser = regulariser_of(training, plan.gan.data)
        self.augmentation = augmentation.parse(training.augment)
        adaptive = training.augment_probability == "adaptive"
        self.adaptive = AdaptiveProbability(training.augment_target, training.augment_images) if adaptive else None
        if self.augmentation and plan.task is not None:
            raise ConfigError(
                "augment is for images, and this strategy's discriminator judges codes", "Use augment=none."
            )
        for net, module in {**nets_of(plan), "objective": cast(nn.Module, self.objective)}.items():
            if net != "prior":
                self.engine.place(module)
        rates = {Side.GENERATOR: training.generator_lr, Side.DISCRIMINATOR: training.discriminator_lr}
        betas, limit = (training.beta1, training.beta2), training.gradient_limit
        self.learners = {side: ParameterOptimizer(self.engine, rates[side], betas, limit) for side in Side}
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        self.staging = PhaseSchedule(plan, training.images)
        self._enrol()
        self.average = MovingAverage(plan.gan.generator, training.ema_half_life, training.ema_ramp)
        self.modules: dict[str, nn.Module] = {
            **plan.gan.parts,
            "ema": self.average.net,
            "objective": cast(nn.Module, self.objective),
            **{f"terms.{name}": term for name, term in plan.losses.items()},
            **({"to_latent": plan.to_latent} if plan.to_latent is not None else {}),
            **({"game": plan.task} if isinstance(plan.task, nn.Module) else {}),
            **{f"scale.{side.value}": learner.scale for side, learner in self.learners.items()},
        }
        steered = self.staging.steered() | ({"augment": self.adaptive} if self.adaptive is not None else {})
        self.steering = FeedbackController(steered, self.engine.device)
        if steered:
            self.modules["steering"] = self.steering
        self.streams = {name: stream(seed, name) for name in ("data", "codes", "losses", "augmentation")}

    def step(self, rows: Tensor, shown: int) -> dict[str, Tensor]:
        """D moves, then G; the moving average follows. Each move is one backward, or one for each part where the batch
        is cut into parts. G runs forward once for both moves, unless there are parts: their graphs do not stay."""
        self.advance(shown)
        n = shown // self.training.batch
        z = self.gan.prior.sample(len(rows), self.streams["codes"])  # type: ignore[operator]
        paced = {side: learner.set_lr(self.staging.factor(side, shown)) for side, learner in self.learners.items()}
        d_moves = paced[Side.DISCRIMINATOR]
        g_moves = paced[Side.GENERATOR] and n % self.task.every == 0
        penalty = self.regulariser if self.regulariser is not None and n % self.regulariser.interval == 0 else None
        (first, *others) = self.engine.parts(len(rows))
        kept = None if others else self._deal(rows[first], z[first], gradients=g_moves)

        def hands(gradients: bool) -> Iterator[_Hand]:
            for part in self.engine.each(len(rows), [self.streams["losses"], self.streams["augmentation"]]):
                yield kept or self._deal(rows[part], z[part], gradients=gradients)

        rounds: list[StepContext] = []
        scalars: dict[str, Tensor] = {}
        if d_moves:
            plays = (self._d_play(hand, shown, penalty) for hand in hands(gradients=False))
            rounds = self._turn(Side.DISCRIMINATOR, plays, scalars)
        if g_moves:
            learning = [weight for weight in self.learners[Side.DISCRIMINATOR].weights if weight.requires_grad]
            for weight in learning:
                weight.requires_grad_(False)
            plays = (self._g_play(hand, shown) for hand in hands(gradients=True))
            rounds = self._turn(Side.GENERATOR, plays, scalars)
            for weight in learning:
                weight.requires_grad_(True)
        self._pass_over((not d_moves) + (not g_moves), len(rows))
        if rounds:
            self.objective.after(self._whole(rounds))
        self.average.update(len(rows), shown + len(rows))
        if self.adaptive is not None and d_moves:
            scalars["augmented"] = self.adaptive.p.clone()
        clocks = self.staging.clocks(shown + len(rows))
        self.steering.after(scalars, {"augment": shown + len(rows), **clocks}, len(rows))
        return scalars

    def advance(self, shown: int) -> None:
        """Begin every stage that is due after `shown` images, and take back one that is not. Resuming calls it before
        the optimisers' state comes."""
        if self.staging.advance(shown):
            self._enrol()

    def _deal(self, rows: Tensor, z: Tensor, *, gradients: bool) -> _Hand:
        with self.engine.computing(), torch.set_grad_enabled(gradients):
            real = self.task.real(self.engine.take(self.images.batch(rows, self.engine.device)), rows)
            z = self.engine.take(z)
            return _Hand(real.float(), self._fake(z).float(), z, rows)

    def _d_play(self, hand: _Hand, shown: int, penalty: Regulariser | None) -> _Play:
        """D's loss. With a penalty due, which differentiates twice, all of it is exact and eager."""
        inputs = penalty.inputs if penalty is not None else frozenset()
        real, fake = _carrying(hand.real, "real" in inputs), _carrying(hand.fake.detach(), "fake" in inputs)
        with self.engine.computing(exact=penalty is not None):
            discriminate = self._judge if penalty is None else self.task.discriminate
            context = self._table(hand._replace(real=real, fake=fake), shown, discriminate, judge_real=True)
            loss = self._with_terms(Side.DISCRIMINATOR, self.objective.d_loss(context), context)
            assert context.real_output is not None
            ours, theirs = context.real_output.logits.detach(), context.fake_output.logits.detach()
            scalars = {
                "d_loss": loss.detach(),
                "d_wins": (ours.mean(1) > theirs.mean(1)).float().mean(),
                "d_real": ours.mean(),
                "d_fake": theirs.mean(),
            }
            if self.adaptive is not None:
                scalars["d_sign"] = (ours - theirs if self.objective.paired else ours).sign().mean()
            if penalty is not None:
                extra = penalty.penalty(context)
                scalars["penalty"] = extra.detach()
                loss = loss + penalty.interval * extra
        return _Play(_verdicts(context), loss, scalars)

    def _g_play(self, hand: _Hand, shown: int) -> _Play:
        needs_real = self.objective.paired or any(term.needs_real for term in self._due(Side.GENERATOR, shown))
        with self.engine.computing():
            context = self._table(hand._replace(real=hand.real.detach()), shown, self._judge, judge_real=needs_real)
            loss = self._with_terms(Side.GENERATOR, self.objective.g_loss(context), context)
        return _Play(_verdicts(context), loss, {"g_loss": loss.detach()})

    def _table(
        self, hand: _Hand, shown: int, judge_of_game: Callable[[Tensor], DiscriminatorOutput], *, judge_real: bool
    ) -> StepContext:
        view = self._view(len(hand.rows))

        def discriminate(x: Tensor) -> DiscriminatorOutput:
            logits, stages = judge_of_game(x if view is None else view(x))
            return DiscriminatorOutput(logits.float(), stages)

        judged = discriminate(hand.real) if judge_real else None
        real, fake, z, rows = hand
        rng, groups, to_latent = self.streams["losses"], self.task.groups, self.plan.to_latent
        return StepContext(
            real,
            fake,
            z,
            rows,
            shown,
            discriminate,
            self._fake,
            groups,
            discriminate(fake),
            judged,
            rng,
            to_latent,
            view,
        )

    def _turn(self, side: Side, plays: Iterator[_Play], scalars: dict[str, Tensor]) -> list[StepContext]:
        """One side moves, over all parts of the batch. Adds to `scalars`."""
        rounds: list[StepContext] = []

        def parts() -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
            for play in plays:
                rounds.append(play.context)
                yield play.loss, play.scalars

        own = {"gradient", "held"}
        means = self.learners[side].step(parts())
        scalars |= {f"{side.value[0]}_{key}" if key in own else key: value for key, value in means.items()}
        return rounds

    def _whole(self, rounds: list[StepContext]) -> StepContext:
        """The last move as the whole batch saw it, for an objective that keeps state: its buffers must become the same
        in every process. The images stay this part's."""
        if (len(rounds) == 1 and ranks.size() == 1) or not list(cast(nn.Module, self.objective).buffers()):
            return rounds[-1]

        def everyone(judged: Sequence[DiscriminatorOutput | None]) -> DiscriminatorOutput:
            return DiscriminatorOutput(ranks.gathered(torch.cat([one.logits for one in judged if one])), ())

        real = None if rounds[0].real_output is None else everyone([context.real_output for context in rounds])
        fake = everyone([context.fake_output for context in rounds])
        return replace(rounds[-1], real_output=real, fake_output=fake)

    def preview(self) -> Tensor:
        """Samples of fixed codes by the averaged generator, (N, *data.shape) in the value range."""
        return self.averaged().sample(_PREVIEW)

    @functools.cached_property
    def real_std(self) -> float:
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

    def _pass_over(self, resting: int, n: int) -> None:
        """Draw the augmentations that resting sides would have seen: which strategy lets whom rest must not decide what
        the others see."""
        for _ in range(resting if self.augmentation else 0):
            for part in self.engine.each(n, [self.streams["augmentation"]]):
                self._view(part.stop - part.start)

    def _due(self, side: Side, shown: int) -> Sequence[AuxiliaryLoss]:
        losses = cast(dict[str, AuxiliaryLoss], self.plan.losses)
        return [term for term in losses.values() if term.side == side and term.weight(shown)]

    def _with_terms(self, side: Side, main: Tensor, context: StepContext) -> Tensor:
        """The side's own loss with the terms that are due; a term with a balance is scaled by it."""
        total = torch.zeros((), device=context.fake.device)
        for term in self._due(side, context.shown):
            loss = term.forward(context)
            balance: Balance | None = getattr(term, "balance", None)
            if balance is not None:
                if balance.due(context.shown // self.training.batch):
                    scaled, weights = self.learners[side].scale.scaled, self.learners[side].weights
                    balance.update(grad_norm(scaled(main), weights), grad_norm(scaled(loss), weights))
                loss = balance.factor * loss
            total = total + term.weight(context.shown) * loss
        return main + total

    def _enrol(self) -> None:
        """Play the game of now, freeze what is to be frozen now, and give each side's optimiser the weights that it
        does not hold yet."""
        self.task = self.staging.task
        self._fake, self._judge = self.engine.compiled(self.task.fake), self.engine.compiled(self.task.discriminate)
        freeze(self.plan, self.staging.unfrozen)
        for side, learner in self.learners.items():
            learner.add_parameters(self._trained(side))
            if learner.adam is not None:
                self.optimisers[side.value] = learner.adam

    def _trained(self, side: Side) -> list[nn.Parameter]:
        trained_modules = self.task.trained_modules(side)
        losses = {name: term for name, term in self.plan.losses.items() if cast(AuxiliaryLoss, term).side == side}
        modules = [*trained_modules.values(), *losses.values()]
        unique = dict.fromkeys(weight for module in modules for weight in module.parameters())
        return [weight for weight in unique if weight.requires_grad]


class _Hand(NamedTuple):
    """What is dealt for one part of a batch: real and generated samples, the codes and the rows."""

    real: Tensor
    fake: Tensor
    z: Tensor
    rows: Tensor


class _Play(NamedTuple):
    """One side's loss on one part of a batch, and how it came about."""

    context: StepContext
    loss: Tensor
    scalars: dict[str, Tensor]


def _verdicts(context: StepContext) -> StepContext:
    """The round with realness alone left of its judgements, so that backward frees the features as it goes."""

    real, fake = context.real_output, DiscriminatorOutput(context.fake_output.logits.detach(), ())
    judged = None if real is None else DiscriminatorOutput(real.logits.detach(), ())
    return replace(context, real_output=judged, fake_output=fake)


def _carrying(x: Tensor, gradients: bool) -> Tensor:
    return x.detach().requires_grad_() if gradients else x
