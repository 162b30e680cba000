"""One step of an autoencoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo.data.images import ImageSet
from zoo.errors import ConfigError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import as_part
from zoo.networks.seeds import seeded, stream
from zoo.protocols import AutoencoderObjective
from zoo.training.recipe import AutoencoderTraining

__all__ = ["AutoencoderTrainee"]

_PREVIEW = 32


class AutoencoderTrainee:
    """Shows batches to an autoencoder, one optimiser for all three parts."""

    def __init__(self, model: Autoencoder, images: ImageSet, training: AutoencoderTraining, seed: int) -> None:
        self.model = model.train().requires_grad_(True)
        self.images = images
        self.training = training
        self.objective = plugins.build("objective", as_part(training.objective))
        if not isinstance(self.objective, AutoencoderObjective):
            raise ConfigError(f"objective {training.objective} does not train autoencoders", "Use core/ae or core/vae.")
        self.modules: dict[str, nn.Module] = {"autoencoder": model}
        if isinstance(self.objective, nn.Module):
            with seeded(seed, "objective"):
                self.objective.prepare(model)  # type: ignore[operator]
            self.modules["objective"] = self.objective
        adam = torch.optim.Adam(
            [weight for module in self.modules.values() for weight in module.parameters() if weight.requires_grad],
            training.learning_rate,
            (training.beta1, training.beta2),
            foreach=True,
        )
        self.optimisers: dict[str, torch.optim.Optimizer] = {"autoencoder": adam}
        self.streams = {"data": stream(seed, "data"), "noise": stream(seed, "noise")}

    def step(self, rows: Tensor, shown: int) -> dict[str, Tensor]:
        """One descent on `rows`; the learning rate falls linearly over the budget."""
        adam = self.optimisers["autoencoder"]
        done = min(1.0, shown / self.training.images)
        for group in adam.param_groups:
            group["lr"] = self.training.learning_rate * (1 - (1 - self.training.final_learning_rate) * done)
        losses = self.objective.loss(self.model, self.images.batch(rows), self.streams["noise"])
        adam.zero_grad(set_to_none=True)
        losses.total.backward()
        adam.step()
        return {"loss": losses.total.detach(), **losses.parts}

    def advance(self, shown: int) -> None:
        """Every step is alike."""

    def preview(self) -> Tensor:
        """Held-out images beside their reconstructions, (N, C, H, W) in the value range."""
        x = self.images.batch(self.images.held_out[:_PREVIEW])
        return torch.stack([x, self.model.reconstruct(x)], 1).flatten(0, 1)
