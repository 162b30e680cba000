"""What the playground does with one model: sample, interpolate, reconstruct, code arithmetic, D's logits. Without
gradio."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo.plugin import (
    GAN,
    Autoencoder,
    ConfigError,
    DataSpec,
    ImageSet,
    SampleStreams,
    captioned_grid,
    fit_arrays,
    from_uint8,
    grid,
    interpolate,
    open_images,
    open_model,
    per_sample,
    takes_condition,
    to_uint8,
)
from zoo_ui.folders import Folders

__all__ = ["EACH", "MOST", "LoadedModel"]

MOST = 256
"""Images at once: as many as fit on a page; two cores draw them in a moment."""

EACH = "a row of each"
"""What to ask for instead of a class."""
_SEARCHED = 2000
_NEIGHBOURS = 7


class Drawn(NamedTuple):
    """Codes (N, *code_shape), and their conditions if the GAN takes some."""

    codes: Tensor
    condition: Tensor | None


@dataclass
class LoadedModel:
    """One opened model; pictures are PIL images. `codes` caches the sets that neighbours were searched in."""

    title: str
    autoencoder: Autoencoder | None
    gan: GAN | None
    images: str = ""
    folders: Folders = field(default_factory=lambda: Folders(()))
    codes: dict[str, tuple[ImageSet, Tensor]] = field(default_factory=dict)

    @classmethod
    def open(cls, name: str, folders: Folders | None = None) -> LoadedModel:
        """A release or a run; a release's recipe says which images it was trained on. Others are read from `folders`
        alone. Raises what opening raises."""
        opened = open_model(name)
        model = cls(_title(opened), opened.autoencoder, opened.gan, _images_of(opened), folders or Folders(()))
        if not model.data.is_image:
            raise ConfigError(f"{name} makes vectors of {model.data.size} values, which have no picture")
        return model

    @property
    def data(self) -> DataSpec:
        """What people look at: the samples, or the images that a first stage decodes them to."""
        return self._model().output

    def about(self) -> str:
        """What can be done with it, in one line."""
        shape = "x".join(map(str, self.data.shape))
        if self.gan is None:
            return f"{self.title}: an autoencoder of {shape}. Samples are its decoder's pictures of random codes."
        if self.autoencoder is None:
            return f"{self.title}: a GAN of {shape}, without an autoencoder: uploads only get logits."
        classes = f" {len(self.classes)} classes can be asked for." if self.classes else ""
        return f"{self.title}: a GAN of {shape}, with the autoencoder that it came from.{classes}"

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that samples can be asked for."""
        condition = None if self.gan is None else self.gan.condition
        return () if condition is None else condition.classes

    def draw(self, n: int, seed: int, truncation: float = 1.0, asked: str | Tensor = "") -> Drawn:
        """n codes, of the class `asked` if it is not empty, or of those conditions; below 1 `truncation` pulls them to
        the prior's mean, see `GAN.draw`."""
        if self.gan is None:
            rng, shape = SampleStreams(seed, n, "sample"), self._decoder().code_shape
            noise = per_sample(lambda m: torch.randn(m, *shape, generator=rng), n, rng)
            return Drawn(truncation * noise, None)
        condition = self.gan.conditions(n, seed, None if isinstance(asked, str) and not asked else asked)
        return Drawn(self.gan.draw(n, seed, condition, truncation=truncation), condition)

    def pictures(self, drawn: Drawn) -> Tensor:
        """Codes as uint8 images (N, *shape)."""
        return to_uint8(self._model().to_output(self._generate(drawn)), self.data)

    def sample(self, n: int, seed: int, truncation: float = 1.0, asked: str = "") -> Any:
        """A grid of n samples of a class, or of any; with `EACH` a row of each class, with its name."""
        n = max(1, min(int(n), MOST))
        if asked == EACH and self.classes:
            across = max(1, min(8, n // len(self.classes)))
            rows = [(name, self.draw(across, int(seed), float(truncation), name)) for name in self.classes]
            return captioned_grid([(name, grid(self.pictures(drawn), across)) for name, drawn in rows], across=1)
        return grid(self.pictures(self.draw(n, int(seed), float(truncation), asked)), 8)

    def walk(self, seed: int, other: int, steps: int, truncation: float = 1.0, asked: str = "") -> Any:
        """Four spherical interpolations, from codes of one seed to codes of another, each within a class."""
        steps = max(2, min(int(steps), 32))
        start = self.draw(4, int(seed), float(truncation), asked)
        same = asked if start.condition is None else start.condition
        end = self.draw(4, int(other), float(truncation), same).codes
        path = interpolate(start.codes, end, steps).flatten(0, 1)
        along = None if start.condition is None else start.condition.repeat_interleave(steps, 0)
        return grid(self.pictures(Drawn(path, along)), steps)

    def reconstruct(self, upload: Any, source: str = "") -> Any:
        """An image as it is prepared for the model, its reconstruction, and its nearest neighbours in code space among
        `source` (by default what the model was trained on)."""
        x = self.prepare(upload)
        autoencoder = self._autoencoder()
        code = autoencoder.encode(autoencoder.from_output(x))
        pair = to_uint8(torch.cat([x, autoencoder.to_output(autoencoder.decode(code))]), self.data)
        panels = [("as the model sees it, and its reconstruction", pair)]
        source = self.folders.check(source) or self.images
        if source:
            images, codes = self._codes_of(source)
            near = torch.cdist(code.flatten(1), codes.flatten(1))[0].argsort()[:_NEIGHBOURS]
            panels.append((f"nearest by code in {images.name}", images.pixels[near]))
        return captioned_grid(
            [(text, grid(pixels, len(pixels), scale=self._scale(96))) for text, pixels in panels], across=1
        )

    def add(self, first: Any, minus: Any, plus: Any, seeds: tuple[int, int, int], strength: float = 1.0) -> Any:
        """first + strength (plus - minus) in code space, decoded; each is an upload or, without one, the sample of its
        seed. Uploads need the autoencoder: if there is one, everything is encoded and decoded by it."""
        ups = (first, minus, plus)
        if all(upload is None for upload in ups):
            a, b, c = (self.draw(1, int(seed)) for seed in seeds)
            total = Drawn(a.codes + float(strength) * (c.codes - b.codes), a.condition)
            pixels = torch.cat([self.pictures(drawn) for drawn in (a, b, c, total)])
        else:
            autoencoder = self._autoencoder()
            shown = [
                autoencoder.from_output(self.prepare(upload))
                if upload is not None
                else self._generate(self.draw(1, int(seed)))
                for upload, seed in zip(ups, seeds, strict=True)
            ]
            a, b, c = autoencoder.encode(torch.cat(shown)).split(1)
            decoded = autoencoder.decode(torch.cat([a, b, c, a + float(strength) * (c - b)]))
            pixels = to_uint8(autoencoder.to_output(decoded), self.data)
        named = zip(("A", "B", "C", "A + strength (C - B)"), pixels.split(1), strict=True)
        return captioned_grid([(text, grid(one, 1, scale=self._scale(192))) for text, one in named])

    def discriminate(self, upload: Any, source: str = "", n: int = 500) -> tuple[str, Any]:
        """D's mean logit of an image as text, and a histogram of those of real (held-out) and generated images. A D
        that takes a class gives the logit of the class that suits an image best."""
        from zoo_ui.histograms import histograms

        if self.gan is None:
            raise ConfigError(f"{self.title} holds no discriminator", "Choose a GAN: zoo list shows what each holds.")
        source = self.folders.check(source) or self.images
        if not source:
            raise ConfigError("no real images to compare with", "Name a data set or a folder.")
        images = self._open(source)
        real = self._score(self.gan.from_output(images.batch(images.held_out[:n])))
        fake = self._score(self.gan.undecoded(n, 0))
        series = {f"real, {images.name}": real.tolist(), "generated": fake.tolist()}
        labels = {"xlabel": "logit, higher is more real", "title": f"Logits of the discriminator of {self.title}"}
        if upload is None:
            return "", histograms(series, {}, **labels)
        score = self._score(self.gan.from_output(self.prepare(upload))).item()
        below = [(values < score).float().mean().item() for values in (real, fake)]
        words = f"{score:+.2f}: more real than {below[0]:.0%} of real and {below[1]:.0%} of generated images."
        return words, histograms(series, {"upload": score}, **labels)

    def prepare(self, upload: Any) -> Tensor:
        """An upload (a PIL picture) as one sample (1, *shape) in the value range. Raises ConfigError without one."""
        import numpy as np

        if upload is None:
            raise ConfigError("no image was given", "Upload one, or drop it on the field.")
        # always as RGBA: transparent pixels get the spec's background
        pixels = fit_arrays(np.asarray(upload.convert("RGBA"))[None], self.data)
        return from_uint8(torch.from_numpy(pixels), self.data)

    def _model(self) -> GAN | Autoencoder:
        model = self.gan or self.autoencoder
        assert model is not None, "a release holds an autoencoder or a GAN"
        return model

    def _decoder(self) -> Autoencoder:
        assert self.autoencoder is not None, "without a GAN there is an autoencoder"
        return self.autoencoder

    def _autoencoder(self) -> Autoencoder:
        if self.autoencoder is None:
            raise ConfigError(f"{self.title} holds no autoencoder, so that an upload has no code")
        return self.autoencoder

    def _generate(self, drawn: Drawn) -> Tensor:
        return self._decoder().decode(drawn.codes) if self.gan is None else self.gan.generate(*drawn)

    def _score(self, x: Tensor) -> Tensor:
        assert self.gan is not None, "a discriminator is asked for"
        if not takes_condition(self.gan.discriminator):
            return self.gan.score(x)
        numbers = [torch.full((len(x),), number) for number in range(len(self.classes))]
        if not numbers:
            raise ConfigError(f"the discriminator of {self.title} takes attributes, and an image here has none")
        return torch.stack([self.gan.score(x, number) for number in numbers]).amax(0)

    def _scale(self, wanted: int) -> int:
        return max(1, wanted // min(self.data.shape[1:]))

    def _open(self, source: str) -> ImageSet:
        return open_images(source, like=self.data, limit=_SEARCHED)

    def _codes_of(self, source: str) -> tuple[ImageSet, Tensor]:
        if source not in self.codes:
            images = self._open(source)
            autoencoder = self._autoencoder()
            samples = autoencoder.from_output(images.batch(torch.arange(len(images))))
            self.codes[source] = images, autoencoder.encode(samples)
        return self.codes[source]


def _title(model: Any) -> str:
    from zoo.plugin import Run

    return model.folder.name if isinstance(model, Run) else f"{model.manifest.name} {model.manifest.version}"


def _images_of(model: Any) -> str:
    """The name of the set that a release or run was trained on; empty if it is not on this machine."""
    from zoo.plugin import Run, ZooError, find_component, read_recipe

    if isinstance(model, Run):
        return model.recipe.data.source
    try:
        source = read_recipe(model.folder / "recipe.toml").data.source
        find_component("dataset", source)
    except ZooError:
        return ""  # a folder of its author's machine, or a set of a plugin that is not installed
    return source
