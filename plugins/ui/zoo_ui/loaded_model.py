"""What the playground does with one model: samples, maps, walks, directions, reconstruction, arithmetic, D's logits."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from zoo.plugin import (
    GAN,
    Autoencoder,
    ConfigError,
    DataSpec,
    Directions,
    ImageSet,
    SampleStreams,
    captioned_grid,
    find_directions,
    fit_arrays,
    from_uint8,
    grid,
    open_images,
    open_model,
    per_sample,
    release_directions,
    takes_condition,
    to_uint8,
)
from zoo_ui.code_paths import Blend, on_map, on_plane, on_walk
from zoo_ui.folders import Folders

__all__ = ["COMPONENTS", "MOST", "Drawn", "LoadedModel"]

MOST = 256
"""Images at once: as many as fit on a page; two cores draw them in a moment."""

COMPONENTS = 8
"""How many principal components are offered as directions."""

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
    known_directions: dict[str, Directions] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @classmethod
    def open(cls, name: str, folders: Folders | None = None) -> LoadedModel:
        """A release or a run; a release's recipe says which images it was trained on. Others are read from `folders`
        alone. Raises what opening raises."""
        opened = open_model(name)
        model = cls(_title(opened), opened.autoencoder, opened.gan, _images_of(opened), folders or Folders(()))
        if not model.data.is_image:
            raise ConfigError(f"{name} makes vectors of {model.data.size} values, which have no picture")
        model.known_directions.update({one.method: one for one in release_directions(opened)})
        return model

    @property
    def data(self) -> DataSpec:
        """What people look at: the samples, or the images that a first stage decodes them to."""
        return self._model().output

    def about(self) -> str:
        """What can be done with it, in one line."""
        channels, height, width = self.data.shape
        pictures = f"{'colour' if channels == 3 else 'grey'} pictures of {width} x {height} pixels"
        if self.gan is None:
            return f"{self.title}: an autoencoder, {pictures}. Samples are what it decodes from random codes."
        if self.autoencoder is None:
            return f"{self.title}: a GAN, {pictures}, without an autoencoder."
        classes = f" You can ask for {len(self.classes)} classes." if self.classes else ""
        return f"{self.title}: a GAN, {pictures}, with the autoencoder that it came from.{classes}"

    def facts(self) -> dict[str, Any]:
        """What the page has to know of it, as plain data."""
        return {
            "title": self.title,
            "about": self.about(),
            "shape": list(self.data.shape),
            "classes": list(self.classes),
            "gan": self.gan is not None,
            "encoder": self.autoencoder is not None,
            "images": self.images,
            "directions": sorted(self.known_directions),
        }

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that samples can be asked for."""
        condition = None if self.gan is None else self.gan.condition
        return () if condition is None else condition.classes

    def draw(self, n: int, seed: int | Sequence[int], truncation: float = 1.0, asked: str | Tensor = "") -> Drawn:
        """n codes of a seed, or the first code of each of n seeds; of the class `asked` if it is not empty, or of those
        conditions. Below 1 `truncation` pulls them to the prior's mean, see `GAN.draw`."""
        if self.gan is None:
            rng, shape = SampleStreams(seed, n, "sample"), self._decoder().code_shape
            noise = per_sample(lambda m: torch.randn(m, *shape, generator=rng), n, rng)
            return Drawn(truncation * noise, None)
        condition = self.gan.conditions(n, seed, None if isinstance(asked, str) and not asked else asked)
        return Drawn(self.gan.draw(n, seed, condition, truncation=truncation), condition)

    def pictures(self, drawn: Drawn) -> Tensor:
        """Codes as uint8 images (N, *shape)."""
        return to_uint8(self._model().to_output(self._generate(drawn)), self.data)

    def samples(self, seeds: Sequence[int], truncation: float = 1.0, asked: str = "") -> Tensor:
        """The pictures that seeds name, uint8 (N, *shape): of each seed the first."""
        return self.pictures(self.draw(len(seeds), seeds, truncation, asked))

    def map(self, corners: Sequence[int], places: Tensor, truncation: float = 1.0, asked: str = "") -> Tensor:
        """The pictures at `places` (N, 2) of the map between the pictures of four seeds, see `on_map`."""
        ends = self._ends(corners, truncation, asked)
        return self.pictures(self._blended(ends, on_map(ends.codes, places)))

    def plane(self, seed: int, places: Tensor, truncation: float = 1.0, asked: str = "") -> Tensor:
        """The pictures at `places` (N, 2) of the plane through the picture of a seed, along the two principal
        components of the model's codes, see `on_plane`."""
        centre = self._ends([seed], truncation, asked)
        axes = self.directions().vectors[:2, 0]
        return self.pictures(self._blended(centre, on_plane(centre.codes, axes, places)))

    def walk(
        self, stops: Sequence[int], steps: int, truncation: float = 1.0, asked: str = "", *, closed: bool = False
    ) -> Tensor:
        """The pictures on the way over the pictures of two or more seeds, `steps` from each to the next."""
        if len(stops) < 2:
            raise ConfigError("a walk needs two pictures or more", "Choose where it begins and where it ends.")
        ends = self._ends(stops, truncation, asked)
        return self.pictures(self._blended(ends, on_walk(ends.codes, steps, closed=closed)))

    def directions(self, method: str = "components") -> Directions:
        """Directions of its codes: those that the release brings along, else their principal `components`, or the
        `classes` of the images that it was trained on, computed once. Raises ConfigError if there are no labelled
        images, or no encoder for them."""
        with self.lock:
            if method not in self.known_directions:
                self.known_directions[method] = self._find_directions(method)
            return self.known_directions[method]

    def edited(
        self, seed: int, strengths: Mapping[tuple[str, str], float], truncation: float = 1.0, asked: str = ""
    ) -> Tensor:
        """The picture of a seed, moved along directions by (method, name) with these strengths: uint8 (1, *shape)."""
        drawn = self.draw(1, [seed], truncation, asked)
        moves = [
            strength * self.directions(method).moves(name, drawn.codes)
            for (method, name), strength in strengths.items()
        ]
        return self.pictures(Drawn(drawn.codes + sum(moves, torch.zeros_like(drawn.codes)), drawn.condition))

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
            a, b, c = (self.draw(1, [seed]) for seed in seeds)
            total = Drawn(a.codes + strength * (c.codes - b.codes), a.condition)
            pixels = torch.cat([self.pictures(drawn) for drawn in (a, b, c, total)])
        else:
            autoencoder = self._autoencoder()
            shown = [
                autoencoder.from_output(self.prepare(upload))
                if upload is not None
                else self._generate(self.draw(1, [seed]))
                for upload, seed in zip(ups, seeds, strict=True)
            ]
            a, b, c = autoencoder.encode(torch.cat(shown)).split(1)
            decoded = autoencoder.decode(torch.cat([a, b, c, a + strength * (c - b)]))
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

    def _ends(self, seeds: Sequence[int], truncation: float, asked: str) -> Drawn:
        """The first code of each seed. If the generator cannot mix classes, all are of one class: that of the first."""
        drawn = self.draw(len(seeds), seeds, truncation, asked)
        if drawn.condition is None or asked or self._mixes_classes:
            return drawn
        return self.draw(len(seeds), seeds, truncation, drawn.condition[:1].expand_as(drawn.condition).contiguous())

    @property
    def _mixes_classes(self) -> bool:
        assert self.gan is not None
        return not self.classes or bool(getattr(self.gan.generator, "mixes_classes", False))

    def _blended(self, ends: Drawn, blend: Blend) -> Drawn:
        """The codes of a blend, and the conditions of the ends mixed by the same shares."""
        if ends.condition is None:
            return Drawn(blend.codes, None)
        assert self.gan is not None
        same = torch.equal(ends.condition, ends.condition[:1].expand_as(ends.condition))
        if same or self.gan.condition is None or not takes_condition(self.gan.generator):
            first = ends.condition[:1]
            return Drawn(blend.codes, first.expand(len(blend.codes), *first.shape[1:]).contiguous())
        kinds = functional.one_hot(ends.condition, self.gan.condition.width) if self.classes else ends.condition
        return Drawn(blend.codes, blend.shares.to(torch.float32) @ kinds.float())

    def _find_directions(self, method: str) -> Directions:
        if method == "components":
            among = None if self.gan is not None else self._codes_of(self._own_images())[0]
            count = min(COMPONENTS, math.prod(self._model().code_shape))
            return find_directions(self, among, components=count, name=self.title)
        if method != "classes":
            raise ConfigError(f"there are no directions of the kind {method[:40]!r}", "Ask for components or classes.")
        images = open_images(self._own_images(), like=self._model().output, limit=_SEARCHED)
        return find_directions(self, images, name=self.title)

    def _own_images(self) -> str:
        if not self.images:
            raise ConfigError(f"the images of {self.title} are not on this machine", "Choose another model.")
        return self.images

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
