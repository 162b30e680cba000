"""One training step of a GAN. It names no loss, network, penalty or strategy."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from zoo._utils import distributed
from zoo._utils.seeds import stream
from zoo.data.images import ImageSet
from zoo.data.labels import balanced_rows
from zoo.losses.types import AuxiliaryLoss, Regulariser, Side, StepContext
from zoo.networks.conditioning import condition_arguments
from zoo.networks.gan import GAN
from zoo.networks.types import DiscriminatorOutput
from zoo.networks.utils import without_grad
from zoo.training.devices import Engine
from zoo.training.ema import MovingAverage
from zoo.training.optim import ParameterOptimizer, grad_norm
from zoo.training.recipe import AdversarialTraining
from zoo.training.schedule import FeedbackController, PhaseSchedule, freeze
from zoo.training.task import losses_of
from zoo.transfers.plan import TransferPlan
from zoo.transfers.report import nets_of

__all__ = ["GANTrainer"]

_PREVIEW = 64
_STD_SAMPLES = 512


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """The part of a batch that is in memory at one time: real and generated samples, the codes of these, their
    condition if the GAN takes one, and the data set's rows."""

    real: Tensor
    fake: Tensor
    z: Tensor
    condition: Tensor | None
    rows: Tensor


@dataclass(frozen=True, slots=True)
class LossOutput:
    """A loss on one micro-batch, the scalars to log, and the context that it was computed in, without features."""

    loss: Tensor
    scalars: dict[str, Tensor]
    context: StepContext


class GANTrainer:
    """Trains a GAN by a transfer plan; training from scratch is the plan without edits. The nets are moved to the
    engine's device, except the prior, which samples on the CPU."""

    def __init__(
        self,
        plan: TransferPlan,
        images: ImageSet,
        training: AdversarialTraining,
        seed: int,
        engine: Engine | None = None,
    ) -> None:
        self.seed = seed
        self.engine = engine or Engine()
        self.engine.micro_batches(training.batch)  # raises before anything is shown or written
        self.plan = plan
        self.gan = plan.gan
        self.training = training
        self.images = images.to(self.engine.device)
        self.rows = balanced_rows(images) if training.balance else images.train
        self.objective, self.regulariser, self.augmentation = losses_of(plan, training, seed)
        penalty: object = self.regulariser
        self.penalty_nets = {"regulariser": penalty} if isinstance(penalty, nn.Module) else {}
        for name, net in {**nets_of(plan), "objective": self.objective, **self.penalty_nets}.items():
            if name != "prior":
                self.engine.place(net)
        self.optimizers = {
            side.value: ParameterOptimizer(
                self.engine,
                training.generator_lr if side is Side.GENERATOR else training.discriminator_lr,
                (training.beta1, training.beta2),
                gradient_limit=training.gradient_limit,
                prefix=f"{side.value[0]}_",
            )
            for side in Side
        }
        self.phases = PhaseSchedule(plan, training.images)
        self._refresh_optimizers()
        self.average = MovingAverage(plan.gan.generator, training.ema_half_life, training.ema_ramp)
        adaptive = self.augmentation.adaptive
        schedules = self.phases.feedback_schedules() | ({"augment": adaptive} if adaptive is not None else {})
        self.feedback = FeedbackController(schedules, self.engine.device)
        self.modules = self._modules()
        self.streams = {name: stream(seed, name) for name in ("data", "codes", "losses", "augmentation")}

    def step(self, rows: Tensor, shown: int) -> dict[str, Tensor]:
        """Train D, then G, on the images `rows` (N,), and move G's average; `shown` images came before. Returns the
        scalars to log. A side whose learning rate is 0 is not trained."""
        self.advance(shown)
        number = shown // self.training.batch
        d_optimizer, g_optimizer = self.optimizers[Side.DISCRIMINATOR], self.optimizers[Side.GENERATOR]
        train_d = d_optimizer.set_lr(self.phases.lr_factor(Side.DISCRIMINATOR, shown))
        train_g = g_optimizer.set_lr(self.phases.lr_factor(Side.GENERATOR, shown)) and number % self.task.every == 0
        due = self.regulariser is not None and number % self.regulariser.interval == 0
        penalty = self.regulariser if due else None

        condition = None if self.gan.condition is None else self.images.conditions(rows)
        z = self.gan.prior.sample(len(rows), self.streams["codes"], *condition_arguments(self.gan.prior, condition))
        micro_batches = self._make_micro_batches(rows, z, condition, share_graph=train_g)
        contexts: list[StepContext] = []
        scalars: dict[str, Tensor] = {}

        if train_d:
            d_optimizer.zero_grad()
            for batch in micro_batches(with_grad=False):
                output = self._discriminator_loss(batch, shown, penalty)
                contexts.append(output.context)
                d_optimizer.backward(output.loss, output.scalars)
            scalars |= d_optimizer.step()

        if train_g:
            contexts.clear()
            g_optimizer.zero_grad()
            with without_grad(d_optimizer.parameters):
                for batch in micro_batches(with_grad=True):
                    output = self._generator_loss(batch, shown)
                    contexts.append(output.context)
                    g_optimizer.backward(output.loss, output.scalars)
            scalars |= g_optimizer.step()

        self._advance_augmentation_rng(len(rows), skipped=(not train_d) + (not train_g))
        if contexts:
            self.objective.after_step(self._gather_context(contexts))
        self.average.update(len(rows), shown + len(rows))
        if self.augmentation.adaptive is not None and train_d:
            scalars["augmented"] = self.augmentation.adaptive.p.clone()
        self.feedback.update(
            scalars, {"augment": shown + len(rows), **self.phases.clocks(shown + len(rows))}, len(rows)
        )
        return scalars

    def advance(self, shown: int) -> None:
        """Enter the training phases that are due after `shown` images, and leave those that are not. Call it before
        the optimizers' state is restored."""
        if self.phases.advance(shown):
            self._refresh_optimizers()

    def preview(self) -> Tensor:
        """Samples of fixed codes by the averaged generator, (N, *data.shape) in the value range."""
        return self.averaged_gan().undecoded(_PREVIEW)

    def averaged_gan(self) -> GAN:
        """The GAN with the averaged generator in place of the trained one."""
        return self.gan.with_part("generator", self.average.net)

    @functools.cached_property
    def real_std(self) -> float:
        """The standard deviation of real samples, averaged over their values."""
        rows = self.images.train[:_STD_SAMPLES]
        return self.images.batch(rows).std(0, unbiased=False).mean().item()

    def _make_micro_batches(
        self, rows: Tensor, z: Tensor, condition: Tensor | None, *, share_graph: bool
    ) -> Callable[..., Iterator[MicroBatch]]:
        """A function that yields the batch in parts. A whole batch is generated once for both sides (with G's graph if
        `share_graph`); of several parts no graph is kept, so each side generates them anew."""
        slices = self.engine.micro_batches(len(rows))
        whole = (
            self._make_micro_batch(rows, z, condition, slices[0], with_grad=share_graph) if len(slices) == 1 else None
        )

        def micro_batches(with_grad: bool) -> Iterator[MicroBatch]:
            for part in self.engine.each(len(rows), [self.streams["losses"], self.streams["augmentation"]]):
                yield whole or self._make_micro_batch(rows, z, condition, part, with_grad=with_grad)

        return micro_batches

    def _make_micro_batch(
        self, rows: Tensor, z: Tensor, condition: Tensor | None, part: slice, *, with_grad: bool
    ) -> MicroBatch:
        rows = rows[part]
        if condition is not None:
            condition = condition[part].to(self.engine.device)
        with self.engine.autocast(), torch.set_grad_enabled(with_grad):
            real = self.task.real(self.engine.take(self.images.batch(rows, self.engine.device)), rows)
            z = self.engine.take(z[part])
            return MicroBatch(real.float(), self._generate(z, condition).float(), z, condition, rows)

    def _discriminator_loss(self, batch: MicroBatch, shown: int, penalty: Regulariser | None) -> LossOutput:
        """D's loss. A penalty differentiates twice: with one due, everything is computed in float32 and eagerly."""
        inputs = penalty.inputs if penalty is not None else frozenset()
        batch = replace(
            batch, real=_with_grad(batch.real, "real" in inputs), fake=_with_grad(batch.fake.detach(), "fake" in inputs)
        )
        discriminate = self._discriminate if penalty is None else self.task.discriminate
        with self.engine.autocast(exact=penalty is not None):
            context = self._make_context(batch, shown, discriminate, with_real=True)
            loss = self._add_auxiliary(Side.DISCRIMINATOR, self.objective.d_loss(context), context)
            real, fake = context.real_logits.detach(), context.fake_output.logits.detach()
            scalars = {
                "d_loss": loss.detach(),
                "d_wins": (real.mean(1) > fake.mean(1)).float().mean(),
                "d_real": real.mean(),
                "d_fake": fake.mean(),
            }
            if self.augmentation.adaptive is not None:
                scalars["d_sign"] = (real - fake if self.objective.paired else real).sign().mean()
            if penalty is not None:
                value = penalty.penalty(context)
                scalars["penalty"] = value.detach()
                loss = loss + penalty.interval * value
        return LossOutput(loss, scalars, _drop_features(context))

    def _generator_loss(self, batch: MicroBatch, shown: int) -> LossOutput:
        batch = replace(batch, real=batch.real.detach())
        needs_real = self.objective.paired or any(
            term.needs_real for term in self._active_losses(Side.GENERATOR, shown)
        )
        with self.engine.autocast():
            context = self._make_context(batch, shown, self._discriminate, with_real=needs_real)
            loss = self._add_auxiliary(Side.GENERATOR, self.objective.g_loss(context), context)
        return LossOutput(loss, {"g_loss": loss.detach()}, _drop_features(context))

    def _make_context(
        self,
        batch: MicroBatch,
        shown: int,
        discriminate: Callable[[Tensor, Tensor | None], DiscriminatorOutput],
        *,
        with_real: bool,
    ) -> StepContext:
        augment = self.augmentation.sample(len(batch.rows), self.streams["augmentation"])

        def augmented_output(x: Tensor) -> DiscriminatorOutput:
            logits, stages = discriminate(x if augment is None else augment(x), batch.condition)
            return DiscriminatorOutput(logits.float(), stages)

        real_output = augmented_output(batch.real) if with_real else None
        return StepContext(
            real=batch.real,
            fake=batch.fake,
            z=batch.z,
            indices=batch.rows,
            shown=shown,
            discriminate=augmented_output,
            generate=lambda z: self._generate(z, batch.condition),
            groups=self.task.groups,
            real_output=real_output,
            fake_output=augmented_output(batch.fake),
            condition=batch.condition,
            rng=self.streams["losses"],
            to_latent=self.plan.to_latent,
            augmentation=augment,
        )

    def _active_losses(self, side: Side, shown: int) -> Sequence[AuxiliaryLoss]:
        return [term for term in self.plan.losses.values() if term.side == side and term.weight(shown)]

    def _add_auxiliary(self, side: Side, main: Tensor, context: StepContext) -> Tensor:
        """The side's main loss plus the auxiliary losses whose weight is not 0, each scaled by its balance, if any."""
        total = torch.zeros((), device=context.fake.device)
        for term in self._active_losses(side, context.shown):
            loss = term.forward(context)
            if term.balance is not None:
                if term.balance.due(context.shown // self.training.batch):
                    optimizer = self.optimizers[side]
                    norms = [grad_norm(optimizer.scaled(part), optimizer.parameters) for part in (main, loss)]
                    term.balance.update(*norms)
                loss = term.balance.factor * loss
            total = total + term.weight(context.shown) * loss
        return main + total

    def _gather_context(self, contexts: list[StepContext]) -> StepContext:
        """The context of the side trained last, with the logits of the whole batch, over micro-batches and processes;
        its samples are those of the last micro-batch. An objective without buffers gets that micro-batch's alone."""
        alone = len(contexts) == 1 and distributed.world_size() == 1
        if alone or not list(self.objective.buffers()):
            return contexts[-1]

        def gather(logits: list[Tensor]) -> DiscriminatorOutput:
            return DiscriminatorOutput(distributed.all_gather(torch.cat(logits)), ())

        fake = gather([context.fake_output.logits for context in contexts])
        real = None if contexts[0].real_output is None else gather([context.real_logits for context in contexts])
        return replace(contexts[-1], real_output=real, fake_output=fake)

    def _advance_augmentation_rng(self, n: int, *, skipped: int) -> None:
        """Consume the random numbers of skipped updates, so that every strategy sees the same augmentations."""
        for _ in range(skipped if self.augmentation.kinds else 0):
            for part in self.engine.each(n, [self.streams["augmentation"]]):
                self.augmentation.sample(part.stop - part.start, self.streams["augmentation"])

    def _refresh_optimizers(self) -> None:
        """Apply the current training phase: its task, its frozen tensors, and the parameters that it adds."""
        self.task = self.phases.task
        self._generate = self.engine.compiled(self.task.fake)
        self._discriminate = self.engine.compiled(self.task.discriminate)
        freeze(self.plan, self.phases.unfrozen)
        for side in Side:
            losses = [term for term in self.plan.losses.values() if term.side == side]
            modules = [*self.task.trained_modules(side).values(), *losses]
            modules += self.penalty_nets.values() if side is Side.DISCRIMINATOR else ()
            parameters = dict.fromkeys(weight for module in modules for weight in module.parameters())
            self.optimizers[side].add_parameters(weight for weight in parameters if weight.requires_grad)

    def _modules(self) -> dict[str, nn.Module]:
        """Every module with state, by its name in checkpoints (which do not change with the names in the code)."""
        modules: dict[str, nn.Module] = {**self.gan.parts, "ema": self.average.net, "objective": self.objective}
        modules |= {f"terms.{name}": term for name, term in self.plan.losses.items()}
        if self.plan.to_latent is not None:
            modules["to_latent"] = self.plan.to_latent
        task: object = self.plan.task
        if isinstance(task, nn.Module):
            modules["game"] = task
        modules |= self.penalty_nets
        modules |= {f"scale.{name}": optimizer.scaler for name, optimizer in self.optimizers.items()}
        return modules | ({"steering": self.feedback} if self.feedback.names else {})


def _drop_features(context: StepContext) -> StepContext:
    """The context with detached logits and no features, so that the backward pass frees them as it goes."""
    real, fake = context.real_output, context.fake_output
    return replace(
        context,
        real_output=None if real is None else DiscriminatorOutput(real.logits.detach(), ()),
        fake_output=DiscriminatorOutput(fake.logits.detach(), ()),
    )


def _with_grad(x: Tensor, needed: bool) -> Tensor:
    return x.detach().requires_grad_() if needed else x
