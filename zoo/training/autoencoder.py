"""One training step of an autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo._utils.seeds import seeded, stream
from zoo.data.images import ImageSet
from zoo.errors import ConfigError
from zoo.losses.types import AutoencoderObjective
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import build_autoencoder
from zoo.training.devices import Engine
from zoo.training.optim import ParameterOptimizer
from zoo.training.recipe import AutoencoderTraining
from zoo.types import as_part

__all__ = ["AutoencoderTrainer", "check_objective"]

_PREVIEW = 32


class AutoencoderTrainer:
    """Trains an autoencoder; one optimizer for all three parts."""

    def __init__(
        self,
        model: Autoencoder,
        images: ImageSet,
        training: AutoencoderTraining,
        seed: int,
        engine: Engine | None = None,
    ) -> None:
        self.seed = seed
        self.engine = engine or Engine()
        self.engine.micro_batches(training.batch)  # raises before anything is shown or written
        self.model = model.train().requires_grad_(True)
        self.images = images.to(self.engine.device)
        self.rows = images.train
        self.training = training
        self.objective = objective_of(training)
        self.modules: dict[str, nn.Module] = {"autoencoder": model}
        if isinstance(self.objective, nn.Module):
            with seeded(seed, "objective", self.engine.device):
                _prepare(self.objective, model, training)
            self.modules["objective"] = self.objective
        for module in self.modules.values():
            self.engine.place(module)
        parameters = [weight for module in self.modules.values() for weight in module.parameters()]
        self.optimizer = ParameterOptimizer(self.engine, training.learning_rate, (training.beta1, training.beta2))
        self.optimizer.add_parameters(weight for weight in parameters if weight.requires_grad)
        self.modules["scale"] = self.optimizer.scaler
        self.optimizers = {"autoencoder": self.optimizer}
        self.streams = {"data": stream(seed, "data"), "noise": stream(seed, "noise")}

    def step(self, rows: Tensor, shown: int) -> dict[str, Tensor]:
        """Minimise the objective on the images `rows` (N,); the learning rate falls linearly over the budget. Returns
        the scalars to log."""
        done = min(1.0, shown / self.training.images)
        self.optimizer.set_lr(1 - (1 - self.training.final_learning_rate) * done)
        self.optimizer.zero_grad()
        for part in self.engine.each(len(rows), [self.streams["noise"]]):
            with self.engine.autocast():
                x = self.engine.take(self.images.batch(rows[part], self.engine.device))
                with self.model.given(self._condition(rows[part])):
                    losses = self.objective.loss(self.model, x, self.streams["noise"], shown)
            self.optimizer.backward(losses.total, {"loss": losses.total.detach(), **losses.parts})
        return self.optimizer.step()

    def advance(self, shown: int) -> None:
        """Nothing: every step is alike."""

    def preview(self) -> Tensor:
        """Held-out images beside their reconstructions, (N, C, H, W) in the value range."""
        rows = self.images.held_out[:_PREVIEW]
        x, condition = self.images.batch(rows).cpu(), self._condition(rows)
        return torch.stack([x, self.model.reconstruct(x, condition=condition)], 1).flatten(0, 1)

    def _condition(self, rows: Tensor) -> Tensor | None:
        """The classes or attributes of rows, if the decoder takes them."""
        condition = None if self.model.condition is None else self.images.conditions(rows)
        return None if condition is None else condition.to(self.engine.device)


def objective_of(training: AutoencoderTraining) -> AutoencoderObjective:
    """The recipe's objective. Raises ConfigError for one that trains no autoencoder."""
    objective = plugins.build("objective", as_part(training.objective))
    if not isinstance(objective, AutoencoderObjective):
        raise ConfigError(f"objective {training.objective} does not train autoencoders", "Use core/ae or core/vae.")
    return objective


def check_objective(model: Autoencoder, training: AutoencoderTraining) -> None:
    """Prepare the recipe's objective for `model` on the meta device. Raises UnknownName, ConfigError, CompositionError
    or PluginError if it does not fit."""
    objective = objective_of(training)
    if isinstance(objective, nn.Module):
        _prepare(objective, build_autoencoder(model.specs, model.data, model.code_shape, device="meta"), training)


def _prepare(objective: nn.Module, model: Autoencoder, training: AutoencoderTraining) -> None:
    prepare = cast(Callable[[Autoencoder, int], None], objective.prepare)
    prepare(model, training.images)
