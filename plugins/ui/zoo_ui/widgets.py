"""The parts of the pages: gradio itself, style and theme, pictures, uploads, and callbacks that report errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from zoo.plugin import ConfigError, ZooError, escape

__all__ = ["STYLE", "answered", "gradio", "picture", "placed", "theme", "upload", "when"]

STYLE = """
.gradio-container { width: 100%; max-width: 76rem !important; margin: 0 auto !important; }
.gradio-container .main { padding: clamp(.75rem, 3vw, 2rem) !important; }
.gradio-container, .gradio-container :is(.main, .contain), .tabs, .tab-container { min-width: 0 !important; }
.secondary-wrap input { padding-right: 1.4rem !important; text-overflow: ellipsis; }
.zoo-html { overflow-x: auto; }
.zoo-html table { width: auto; border-collapse: collapse; margin: .6rem 0; }
.zoo-html :is(table, thead, tbody, tr) { border: 0 !important; }
.zoo-html :is(th, td) { border: 0 !important; border-bottom: 1px solid var(--border-color-primary) !important;
  padding: .35rem 1.2rem .35rem 0 !important; }
.zoo-html progress { accent-color: var(--color-accent); }
.zoo-html svg[role=img] { min-width: 34rem; max-width: 46rem !important; }
@media (max-width: 640px) {
  .row { flex-wrap: wrap; }
  .row > .form { flex: 1 1 100%; }
  .zoo-wide { min-width: 100% !important; }
  .zoo-whole-word { min-width: 14em !important; }
  .tab-container button { padding-left: .5rem !important; padding-right: .5rem !important; }
  .zoo-picture .image-frame { padding-top: 2rem; }
}
"""


def gradio() -> Any:
    try:
        import gradio
    except ImportError as error:
        raise ConfigError(
            "gradio is not installed, and the page is made with it",
            "In a checkout of Zoo's repository: pip install './plugins/ui[app]'",
        ) from error
    return gradio


def theme() -> Any:
    """Gradio's default theme, its fonts served by itself, with small print that can be read."""
    gr = gradio()
    theme = gr.themes.Default(primary_hue="blue")
    dark = dict.fromkeys(("block_info_text_color", "block_label_text_color", "block_title_text_color"), "*neutral_600")
    light = {f"{name}_dark": "*neutral_300" for name in dark}
    return theme.set(body_text_color_subdued="*neutral_600", **dark, **light)


def answered(answer: Callable[..., Any]) -> Callable[..., Any]:
    """The callback `answer`; a ZooError in it becomes a note on the page with message and hint."""

    @functools.wraps(answer)
    def safe(*inputs: Any) -> Any:
        try:
            return answer(*inputs)
        except ZooError as error:
            raise gradio().Error(
                escape(f"{error.message}. {error.hint}"), duration=15, print_exception=False
            ) from error

    return safe


def when(event: Any, answer: Callable[..., Any], inputs: Any, outputs: Any, **how: Any) -> Any:
    """Call `answer` on an event; it is no endpoint of gradio's API."""
    return event(answered(answer), inputs, outputs, api_visibility="private", **how)


def picture(gr: Any, label: str, *, always: bool = True) -> Any:
    """A place for a picture. If not `always`, it is hidden until it has one, see `placed`."""
    # no visible label, which would cover the picture; the alternative text says what it is
    style: dict[str, Any] = {"show_label": False, "buttons": ["download"], "alt_text": label, "visible": always}
    return gr.Image(label=label, type="pil", format="png", interactive=False, elem_classes="zoo-picture", **style)


def placed(*pictures: Any) -> list[Any]:
    """Updates of places by pictures; a place without a picture is hidden."""
    gr = gradio()
    return [gr.Image(value=picture, visible=picture is not None) for picture in pictures]


def upload(gr: Any, label: str) -> Any:
    return gr.Image(label=label, type="pil", image_mode="RGBA", sources=["upload", "clipboard"], height=220)
