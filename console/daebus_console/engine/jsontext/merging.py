"""A text that was laid out anew, and perhaps edited, put back into the text it came from. Pure.

What an editor shows is not the text of the message: it is indented, and what would harm a terminal is escaped. What
was not edited in it is to be sent as it came all the same.
"""

from __future__ import annotations

from daebus_console.engine.jsontext.editing import Span, appended, between, children, colon_of, replaced, without
from daebus_console.engine.jsontext.reading import loads
from daebus_console.engine.jsontext.writing import dumps


def merged(original: str, edited: str) -> str:
    """What `edited` says, with everything that it has in common with `original` written as it is there."""
    wanted = _tokens(edited)
    if _tokens(original) == wanted:
        return original
    found = _merged(original, edited)
    # Where members changed places, or a name stands twice in one of them, nothing is in common but the values.
    return found if _tokens(found) == wanted else edited


def _tokens(text: str) -> str:
    """What a text says, however it is laid out and its strings are escaped."""
    return dumps(loads(text), ascii_only=True)


def _merged(original: str, edited: str) -> str:
    start, other = original.lstrip(" \t\r\n")[:1], edited.lstrip(" \t\r\n")[:1]
    if start == other and start in ("{", "["):
        ones, others = children(original), children(edited)
        return _objects(original, edited, ones, others) if start == "{" else _lists(original, edited, ones, others)
    return original if _tokens(original) == _tokens(edited) else edited.strip(" \t\r\n")


def _value(text: str, span: Span) -> str:
    return text[span.start : span.end]


def _lists(original: str, edited: str, ones: list[Span], others: list[Span]) -> str:
    """Items in common at the beginning and at the end stay; those between are put in the place of those between."""
    tokens, other_tokens = ([_tokens(_value(text, span)) for span in spans] for text, spans in
                            ((original, ones), (edited, others)))  # fmt: skip
    if len(ones) == len(others):
        return replaced(original, [
            (one.start, one.end, _merged(_value(original, one), _value(edited, other)))
            for one, other, token, another in zip(ones, others, tokens, other_tokens, strict=True) if token != another
        ])  # fmt: skip
    shorter = min(len(ones), len(others))
    first = next((index for index in range(shorter) if tokens[index] != other_tokens[index]), shorter)
    same = next((n for n in range(shorter - first) if tokens[-1 - n] != other_tokens[-1 - n]), shorter - first)
    text = original
    middle, new = ones[first : len(ones) - same], others[first : len(others) - same]
    paired = min(len(middle), len(new))
    text = replaced(text, [(one.start, one.end, _merged(_value(original, one), _value(edited, other)))
                           for one, other in zip(middle, new, strict=False)])  # fmt: skip
    spans = children(text)
    if len(middle) > paired:
        return without(text, spans, range(first + paired, first + len(middle)))
    return _put_in(text, spans, first + paired, [_value(edited, one) for one in new[paired:]])


def _put_in(text: str, spans: list[Span], place: int, written: list[str]) -> str:
    if place >= len(spans):
        for one in written:
            text = appended(text, 0, children(text), one)
        return text
    comma = between(text, spans)
    return text[: spans[place].begin] + "".join(one + comma for one in written) + text[spans[place].begin :]


def _objects(original: str, edited: str, ones: list[Span], others: list[Span]) -> str:
    names, other_names = [span.key for span in ones], [span.key for span in others]
    if names != other_names and (len(set(names)) < len(names) or len(set(other_names)) < len(other_names)):
        # Which of two of one name was meant cannot be told.
        return edited
    if names == other_names:
        pairs = list(zip(ones, others, strict=True))
    else:
        after = {span.key: span for span in others}
        pairs = [(one, after[one.key]) for one in ones if one.key in after]
    text = replaced(original, [(one.start, one.end, _merged(_value(original, one), _value(edited, other)))
                               for one, other in pairs])  # fmt: skip
    if names == other_names:
        return text
    gone = {index for index, name in enumerate(names) if name not in set(other_names)}
    if gone:
        text = without(text, children(text), gone)
    return _with_new(text, edited, others, set(names))


def _with_new(text: str, edited: str, others: list[Span], known: set[str | int]) -> str:
    """The members that are new put where they stand in the edited text: before the one that follows them there."""
    for index, other in enumerate(others):
        if other.key in known:
            continue
        spans = children(text)
        name = edited[other.begin : other.start]
        written = name[: name.rindex(":")].rstrip() + colon_of(text, spans) + _value(edited, other)
        place = index if index <= len(spans) else len(spans)
        text = _put_in(text, spans, place, [written])
    return text
