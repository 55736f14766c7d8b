"""Text that stands out from its ground in every theme: most themes were not made for text on a lit row. Pure."""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.style import Style

LEAST = 4.5
"""The contrast that WCAG 2 asks of text (level AA)."""
BLACK, WHITE = ColorTriplet(0, 0, 0), ColorTriplet(255, 255, 255)
_STEPS = 20


def contrast(one: ColorTriplet, other: ColorTriplet) -> float:
    """The contrast of two colours as WCAG 2 has it, from 1 (none) to 21 (black on white)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=4096)
def legible(style: Style) -> Style:
    """The style with its text blended towards black or white as far as its ground needs, and no further.

    Reversed text has one colour on one ground: its signs, and the blanks between them, would be patches of many.
    Nobody knows what the terminal's own colours look like: on its own ground they are left alone, and where another of
    them would be the ground, or the text is reversed, it is the terminal's text reversed.
    """
    if _lit(style.bgcolor) or (style.reverse and _lit(style.color)):
        return style + Style(color="default", bgcolor="default", reverse=True)
    text = style.color.triplet if style.color is not None else None
    ground = style.bgcolor.triplet if style.bgcolor is not None else None
    if text is None or ground is None or (contrast(text, ground) >= LEAST and not style.reverse):
        return style
    end = BLACK if contrast(BLACK, ground) > contrast(WHITE, ground) else WHITE
    if style.reverse:
        return style + Style(color=Color.from_triplet(end))
    steps = (_blend(text, end, step / _STEPS) for step in range(1, _STEPS + 1))
    enough = next((blended for blended in steps if contrast(blended, ground) >= LEAST), end)
    return style + Style(color=Color.from_triplet(enough))


def _lit(colour: Color | None) -> bool:
    """Whether it is one of the terminal's own, and not that of its text or its ground."""
    return colour is not None and colour.triplet is None and not colour.is_default


def _luminance(colour: ColorTriplet) -> float:
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _blend(one: ColorTriplet, other: ColorTriplet, share: float) -> ColorTriplet:
    return ColorTriplet(*(round(a + (b - a) * share) for a, b in zip(one, other, strict=True)))
