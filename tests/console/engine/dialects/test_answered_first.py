"""A result that was seen before it was told what was asked is an answer all the same, wherever both are looked into."""

from __future__ import annotations

from daebus_console.commands.doing.looking.tracing import head_of
from daebus_console.engine.conversation.drawing import remark
from daebus_console.engine.conversation.tree import Conversation
from daebus_console.engine.conversation.waterfall import waterfall
from daebus_console.engine.export.as_mermaid import as_mermaid
from daebus_console.engine.export.options import ExportOptions
from daebus_console.engine.insight.facets import facets
from daebus_console.engine.insight.shapes import Shapes
from daebus_console.engine.message.exchange import Exchange
from daebus_console.tui.documents.document import Document
from daebus_console.tui.documents.exchange import response_document
from daebus_console.tui.documents.timeline import marks
from daebus_console.tui.rows.sequence import steps
from tests.console.engine.dialects.support import ForeignBus
from tests.console.engine.dialects.test_pairing import event, kombu, result


def task(*, answered_first: bool) -> Exchange:
    """One task of Celery, seen in that order."""
    bus = ForeignBus()
    said = [
        ("/0.celeryev/task.multi", kombu([event("task-received", "a", name="tasks.add", args="(1, 2)")])),
        ("celery-task-meta-a", result("a")),
    ]
    for channel, message in reversed(said) if answered_first else said:
        bus.say(channel, message)
        bus.wait(0.5)
    (found,) = bus.requests()
    return found


def shown(document: Document) -> str:
    lines = (document.line(index, 200) for index in range(document.count()))
    return "\n".join("".join(text for text, _role in line) for line in lines)


def test_the_request_has_the_shape_of_the_question_and_not_of_the_result() -> None:
    first, last = (Shapes().add_all([task(answered_first=order)]).found for order in (True, False))
    assert first.keys() == last.keys()
    for place, shape in last.items():
        assert first[place].fields.keys() == shape.fields.keys()


def test_what_is_compared_of_many_is_the_question() -> None:
    first, last = (list(facets(task(answered_first=order), None, None)) for order in (True, False))
    assert [facet for facet, _value in first] == [facet for facet, _value in last]


def test_no_time_is_told_that_nobody_knows() -> None:
    exchange = task(answered_first=True)
    diagram = "".join(as_mermaid([exchange], ExportOptions()))
    assert "ok" in diagram
    assert " ms" not in diagram
    assert not [one for one in steps([exchange]) if "<1ms" in one.label]
    assert [(mark.at, mark.name) for mark in marks(exchange)] == [(0.0, "answered"), (0.5, "told: asked by ?")]
    assert "after" not in shown(response_document(exchange, 0.0))
    conversation = Conversation(exchange, [exchange])
    found = waterfall(conversation, 0.0)
    assert not found.stepped
    assert [remark(row) for row in found.rows] == ["its answer was seen before it: nobody knows how long it took"]
    assert "".join(span.text for span in head_of(conversation, found)).endswith(": 1 exchange")
