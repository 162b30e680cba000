"""One step of an autoencoder."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo._utils.seeds import seeded, stream
from zoo.data.images import ImageSet
from zoo.errors import ConfigError
from zoo.losses.types import AutoencoderObjective
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import as_part
from zoo.training.devices import Engine
from zoo.training.optim import ParameterOptimizer
from zoo.training.recipe import AutoencoderTraining

__all__ = ["AutoencoderTrainer"]

_PREVIEW = 32


class AutoencoderTrainer:
    """Shows batches to an autoencoder, one optimiser for all three parts."""

    def __init__(
        self,
        model: Autoencoder,
        images: ImageSet,
        training: AutoencoderTraining,
        seed: int,
        engine: Engine | None = None,
    ) -> None:
        self.engine = engine or Engine()
        self.engine.parts(training.batch)  # refused before anything is shown or written
        self.model = model.train().requires_grad_(True)
        self.images = images.to(self.engine.device)
        self.training = training
        self.objective = plugins.build("objective", as_part(training.objective))
        if not isinstance(self.objective, AutoencoderObjective):
            raise ConfigError(f"objective {training.objective} does not train autoencoders", "Use core/ae or core/vae.")
        self.modules: dict[str, nn.Module] = {"autoencoder": model}
        if isinstance(self.objective, nn.Module):
            with seeded(seed, "objective"):
                self.objective.prepare(model)  # type: ignore[operator]
            self.modules["objective"] = self.objective
        for module in self.modules.values():
            self.engine.place(module)
        weights = [weight for module in self.modules.values() for weight in module.parameters()]
        self.learner = ParameterOptimizer(self.engine, training.learning_rate, (training.beta1, training.beta2))
        self.learner.add_parameters(weight for weight in weights if weight.requires_grad)
        assert self.learner.adam is not None
        self.modules["scale"] = self.learner.scale
        self.optimisers: dict[str, torch.optim.Optimizer] = {"autoencoder": self.learner.adam}
        self.streams = {"data": stream(seed, "data"), "noise": stream(seed, "noise")}

    def step(self, rows: Tensor, shown: int) -> dict[str, Tensor]:
        """One descent on `rows`; the learning rate falls linearly over the budget."""
        done = min(1.0, shown / self.training.images)
        self.learner.set_lr(1 - (1 - self.training.final_learning_rate) * done)
        return self.learner.step(self._losses(rows))

    def _losses(self, rows: Tensor) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        for part in self.engine.each(len(rows), [self.streams["noise"]]):
            with self.engine.computing():
                x = self.engine.take(self.images.batch(rows[part], self.engine.device))
                losses = self.objective.loss(self.model, x, self.streams["noise"])
            yield losses.total, {"loss": losses.total.detach(), **losses.parts}

    def advance(self, shown: int) -> None:
        """Every step is alike."""

    def preview(self) -> Tensor:
        """Held-out images beside their reconstructions, (N, C, H, W) in the value range."""
        x = self.images.batch(self.images.held_out[:_PREVIEW]).cpu()
        return torch.stack([x, self.model.reconstruct(x)], 1).flatten(0, 1)
