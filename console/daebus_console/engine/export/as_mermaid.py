"""Exchanges as a Mermaid sequence diagram. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.export.parts import said
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message, State
from daebus_console.engine.message.touched import touched
from daebus_console.naming import shown
from daebus_console.render import duration

_LONGEST = 80
_UNANSWERED = {State.TIMEOUT: "timed out", State.UNKNOWN: "unknown", State.PENDING: "pending"}


def as_mermaid(exchanges: Iterable[Exchange], options: ExportOptions) -> Iterator[str]:
    """One diagram of all of them, with their messages in the order in which they passed."""
    del options
    every = list(exchanges)
    diagram = _Diagram()
    steps = sorted(
        ((message.seq, index, message) for index, one in enumerate(every) for message in said(one)),
        key=lambda step: step[0],
    )
    lines = [line for _seq, index, message in steps for line in diagram.lines(every[index], message)]
    lines += [line for one in every for line in diagram.ending(one)]
    yield "sequenceDiagram\n"
    for name, alias in diagram.names.items():
        yield f"    participant {alias} as {label(shown(name))}\n"
    for line in lines:
        yield f"    {line}\n"


class _Diagram:
    """Names participants as they come up."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def alias(self, name: str) -> str:
        """The short name of a participant."""
        return self.names.setdefault(name, f"p{len(self.names) + 1}")

    def lines(self, exchange: Exchange, message: Message) -> Iterator[str]:
        """What a message shows as."""
        gap = exchange.aside.gap
        if gap is not None:
            seconds = f"{gap.seconds:.1f} s" if gap.seconds is not None else "still"
            if self.names:
                text = f"{gap.saw} was seen for {seconds}: {gap.reason}" if gap.saw else gap.reason
                yield f"Note over {','.join(self._edges())}: {label(text)}"
            return
        source, target = self._ends(exchange)
        number = f"#{exchange.number}"
        if message.kind is Kind.RESPONSE:
            yield self._answer(exchange, message, source, target, number)
        elif message.kind is Kind.REQUEST:
            what = shown(exchange.action or "", text=True)
            yield f"{source}->>{target}: {label(f'{what} {number}')}"
        elif message.kind is Kind.UNREADABLE:
            yield f"{source}-x{target}: {label(f'unreadable {number}')}"
        else:
            name = shown(exchange.action, text=True) if exchange.action else "broadcast"
            yield f"{source}-){target}: {label(f'{name} {number}')}"

    def ending(self, exchange: Exchange) -> Iterator[str]:
        """What is to be said where no answer came, and where a debugger had a hand in it."""
        if exchange.has(Flag.DEBUGGED):
            yield f"Note over {self._ends(exchange)[1]}: {label(f'#{exchange.number} {touched(exchange)}')}"
        if exchange.kind is Kind.REQUEST and exchange.answer is None:
            source, target = self._ends(exchange)
            what = _UNANSWERED.get(exchange.state, exchange.state.value)
            yield f"{target}--x{source}: {label(f'{what} #{exchange.number}')}"

    def _answer(self, exchange: Exchange, message: Message, source: str, target: str, number: str) -> str:
        if exchange.kind is not Kind.REQUEST:
            return f"{source}-->>{target}: {label(f'stray answer {number}')}"
        after = exchange.after(message)
        took = "" if after is None else f" ({duration(after)})"
        if not message.final:
            return f"{target}--){source}: {label(f'progress {number}')}"
        arrow, text = ("--x", "error") if message.error else ("-->>", "ok")
        if message.error and exchange.aside.code:
            text += f" {exchange.aside.code}"
        return f"{target}{arrow}{source}: {label(f'{text} {number}{took}')}"

    def _ends(self, exchange: Exchange) -> tuple[str, str]:
        return self.alias(exchange.source or "?"), self.alias(exchange.target or exchange.asking.channel)

    def _edges(self) -> list[str]:
        aliases = list(self.names.values())
        return [aliases[0], aliases[-1]] if len(aliases) > 1 else aliases


def label(text: str) -> str:
    """A text of unknown origin as Mermaid shows it: every sign that steers the diagram as its number."""
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    # "end" in any case closes a block where it stands alone; a number in it does no harm.
    shown = "".join(_sign(sign) for sign in cut) or "#32;"
    return f"#{ord(shown[0])};{shown[1:]}" if shown.casefold() == "end" else shown


def _sign(sign: str) -> str:
    if sign.isalnum() or sign in " ._/*()!?$%=~'…" or (sign in "-," and sign.isprintable()):
        return sign
    return f"#{ord(sign)};"
