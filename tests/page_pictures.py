"""The diagrams of the README and of the docs' first pages, as SVG: boxes, arrows and labels in colours that are legible on
white and on black. `python tests/generated_docs.py` writes them, `test_generated_docs.py` checks that they are current.
"""

from __future__ import annotations

from html import escape

__all__ = ["DIAGRAMS"]

ENCODER, DECODER, CODES, PLAIN = "#6e4fb0", "#0f766e", "#a85c00", "#57606a"
_LABEL = "#7d8590"


def box(x: int, y: int, width: int, text: str, fill: str = PLAIN, height: int = 46) -> str:
    """A box with lines of text; the first is bold."""
    first, *others = text.split("\n")
    middle, top = x + width / 2, y + height / 2 + 5 - 9 * len(others)
    words = f'<tspan font-weight="bold">{escape(first)}</tspan>'
    words += "".join(f'<tspan x="{middle:g}" dy="18" font-size="12">{escape(line)}</tspan>' for line in others)
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{fill}"/>'
        f'<text x="{middle:g}" y="{top:g}" fill="#ffffff" text-anchor="middle">{words}</text>'
    )


def arrow(*points: tuple[int, int], colour: str = _LABEL, dashed: bool = False) -> str:
    """A line through the points that ends in an arrowhead; it runs along the axes."""
    (x0, y0), (x1, y1) = points[-2:]
    dx, dy = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
    way = " ".join(f"{x},{y}" for x, y in (*points[:-1], (x1 - 7 * dx, y1 - 7 * dy)))
    head = f"M{x1},{y1} L{x1 - 9 * dx - 5 * dy},{y1 - 9 * dy - 5 * dx} L{x1 - 9 * dx + 5 * dy},{y1 - 9 * dy + 5 * dx} z"
    dash = ' stroke-dasharray="6 4"' if dashed else ""
    return (
        f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2.5"{dash}/>'
        f'<path d="{head}" fill="{colour}"/>'
    )


def label(x: int, y: int, text: str, anchor: str = "middle", size: int = 13) -> str:
    """Lines of text without a box."""
    lines = "".join(f'<tspan x="{x}" dy="{16 if i else 0}">{escape(t)}</tspan>' for i, t in enumerate(text.split("\n")))
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{_LABEL}" text-anchor="{anchor}">{lines}</text>'


def picture(title: str, width: int, height: int, *parts: str) -> str:
    """An SVG of a name that screen readers say."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'font-family="sans-serif" font-size="15" role="img"><title>{escape(title)}</title>',
        *parts,
        "</svg>\n",
    ]
    return "\n".join(lines)


def overview() -> str:
    """An autoencoder above a GAN: what moves from one to the other."""
    top, bottom = 30, 190
    return picture(
        "The encoder's weights go into the discriminator, the decoder's into the generator, the codes give the prior",
        860,
        310,
        label(4, 57, "a pretrained\nautoencoder", "start"),
        box(150, top, 150, "encoder", ENCODER),
        box(385, top, 110, "codes", CODES),
        box(580, top, 150, "decoder", DECODER),
        arrow((300, 53), (385, 53)),
        arrow((495, 53), (580, 53)),
        arrow((730, 53), (790, 53)),
        label(796, 50, "images\nagain", "start"),
        arrow((225, 76), (225, bottom), colour=ENCODER),
        arrow((440, 76), (440, bottom), colour=CODES),
        arrow((655, 76), (655, bottom), colour=DECODER),
        label(234, 138, "weights", "start"),
        label(449, 138, "a density is fitted", "start"),
        label(664, 138, "weights", "start"),
        label(4, 209, "your GAN,\ntrained on\nyour images", "start"),
        box(150, bottom, 150, "discriminator D", ENCODER),
        box(385, bottom, 110, "prior", CODES),
        box(580, bottom, 150, "generator G", DECODER),
        arrow((495, 213), (580, 213)),
        label(537, 205, "z"),
        arrow((730, 213), (790, 213)),
        label(796, 210, "new\nimages", "start"),
        arrow((812, 236), (812, 284), (225, 284), (225, 236)),
        label(520, 276, "real or generated?"),
    )


def transfer() -> str:
    """From two networks to a plan, a GAN and a run."""
    return picture(
        "A transfer: the structures of both networks give a plan; applying it gives the GAN's first weights; training "
        "gives a run",
        860,
        190,
        box(4, 18, 140, "autoencoder\nits structure", ENCODER),
        box(4, 104, 140, "GAN\nits structure", DECODER),
        arrow((144, 41), (184, 41), (184, 72), (214, 72)),
        arrow((144, 127), (184, 127), (184, 96), (214, 96)),
        box(214, 52, 150, "plan\nno weights, no data", PLAIN, 64),
        arrow((364, 84), (446, 84)),
        label(405, 76, "apply"),
        box(446, 52, 170, "the GAN begins\nits weights are copied,\nadapted, fitted or fresh", DECODER, 64),
        arrow((616, 84), (704, 84)),
        label(660, 76, "train"),
        box(704, 52, 150, "run\ncheckpoints, samples,\nfigures", PLAIN, 64),
        arrow((530, 156), (530, 116), colour=CODES),
        label(530, 174, "your images: their codes give the prior"),
        arrow((779, 156), (779, 116)),
        label(779, 174, "your images"),
    )


def spaces() -> str:
    """A GAN of pixels above a GAN of codes."""
    return picture(
        "A GAN of pixels makes and judges pictures; a GAN of codes makes and judges small codes, and the first stage's "
        "decoder makes pictures of them",
        860,
        260,
        label(4, 30, "a GAN of pixels", "start", size=15),
        box(150, 8, 60, "z", CODES),
        arrow((210, 31), (250, 31)),
        box(250, 8, 140, "generator", DECODER),
        arrow((390, 31), (440, 31)),
        box(440, 8, 170, "picture\n3 x 64 x 64 values"),
        arrow((610, 31), (670, 31)),
        box(670, 8, 150, "discriminator", ENCODER),
        '<path d="M4,84 H856" stroke="#7d8590" stroke-width="1" stroke-dasharray="2 4"/>',
        label(4, 128, "a GAN of codes", "start", size=15),
        box(150, 106, 60, "z", CODES),
        arrow((210, 129), (250, 129)),
        box(250, 106, 140, "generator", DECODER),
        arrow((390, 129), (440, 129)),
        box(440, 106, 170, "code\n4 x 16 x 16 values", CODES),
        arrow((610, 129), (670, 129)),
        box(670, 106, 150, "discriminator", ENCODER),
        box(250, 202, 140, "picture"),
        box(440, 202, 170, "its decoder\nof the first stage, fixed", DECODER),
        arrow((525, 152), (525, 202)),
        arrow((440, 225), (390, 225)),
        box(670, 202, 150, "your pictures\nencoded once", PLAIN),
        arrow((745, 202), (745, 152)),
    )


def releases() -> str:
    """From a run to a folder, the Hub and another machine."""
    return picture(
        "A release: a folder whose manifest pins every file; pushed to the Hub, pulled and checked elsewhere",
        860,
        190,
        box(4, 60, 110, "run"),
        arrow((114, 83), (224, 83)),
        label(168, 74, "zoo release"),
        box(
            224,
            8,
            210,
            "release\nweights: safetensors\ntest vectors\nrecipe and card\nzoo.json: pins every byte",
            CODES,
            150,
        ),
        arrow((434, 83), (534, 83)),
        label(484, 74, "zoo push"),
        box(534, 60, 110, "the Hub\none version", PLAIN),
        arrow((644, 83), (734, 83)),
        label(688, 74, "zoo pull"),
        box(734, 60, 120, "elsewhere\nchecked, loaded", DECODER),
        label(330, 180, "never changed, no pickle, nothing in it is run"),
    )


DIAGRAMS = {"overview": overview, "transfer": transfer, "spaces": spaces, "releases": releases}
"""The file's name, docs/images/diagrams/NAME.svg, and what draws it."""
