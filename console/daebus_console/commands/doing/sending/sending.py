"""request, send and broadcast."""

from __future__ import annotations

import base64
from typing import Any

from daebus.errors import PayloadError
from daebus.wire.envelope import Reply
from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.sending.repeating import (
    Requests,
    answered,
    failure,
    publish_often,
    repeats,
    tell_delivery,
)
from daebus_console.commands.doing.shared.sources import ContextSources
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.schema.checking import wrong_with
from daebus_console.engine.schema.described import described
from daebus_console.engine.sender import Delivery, Inquiry, given_up
from daebus_console.naming import quoted, shown
from daebus_console.render import Line, Span, duration, json_lines, json_spans, line, repeated_line, to_json


def payload_of(command: Command, context: Context) -> dict[str, Any]:
    """The payload that a command's items say. Raises CommandError."""
    payload: dict[str, Any] = command["items"].build(ContextSources(context))
    return payload


def checked_payload_of(command: Command, context: Context) -> dict[str, Any]:
    """The same, where it is what the service says that the action takes, as far as that is known, or with --force.

    Raises PayloadError with each field that is not; nothing is asked of anybody.
    """
    payload = payload_of(command, context)
    session = context.session
    with session.lock:
        service = session.directory.services.get(command["service"])
        entry = service.actions.get(command["action"]) if service is not None else None
        told = entry.told if entry is not None else None
    arguments = described(command["action"], "", told).arguments
    wrong = [] if arguments is None or command["force"] else wrong_with(payload, arguments)
    if wrong:
        said = "; ".join(f"{path or 'the payload'} {reason}" for path, reason in wrong)
        name = shown(command["action"], text=True)
        raise PayloadError(f"{name} of {quoted(command['service'])} takes another payload: {said} (--force sends it)")
    return payload


def run_request(command: Command, context: Context) -> int:
    """Ask, show what comes on the way as progress, and give the payload of the final answer as the result."""
    payload = checked_payload_of(command, context)
    if repeats(command):
        return Requests(command, context, payload).run()
    service, action = command["service"], command["action"]
    try:
        inquiry = context.sender.request(service, action, payload, timeout=command["timeout"])
    except KeyboardInterrupt:
        # It may be on its way, whether Redis has confirmed it or not.
        raise given_up(service, action) from None
    context.follow(inquiry.request_id)
    withdraw = context.cancellation.on_cancel(inquiry.cancel)
    try:
        for reply in inquiry.replies():
            if reply.final:
                return _finish(command, context, inquiry, reply)
            context.output.progress(progress_line(context.redact.mask(answered(reply))))
    except KeyboardInterrupt:
        # Ctrl-C at the shell.
        inquiry.cancel()
        raise inquiry.given_up() from None
    except BaseException:
        inquiry.cancel()
        raise
    finally:
        withdraw()
    raise AssertionError("a request ends with a final answer or an error")


def progress_line(payload: Any) -> Line:
    """What came on the way to an answer, on one line."""
    try:
        return line(Span("… ", "dim"), *json_spans(to_json(payload)))
    except RecursionError:
        return line(Span("… (nested too deeply to be shown)", "dim"))


def _finish(command: Command, context: Context, inquiry: Inquiry, reply: Reply) -> int:
    output = context.output
    answer = answered(reply)
    payload = context.redact.mask(answer)
    context.variables["last"] = answer
    if command["json"]:
        output.record(payload)
    elif reply.ok:
        output.result(json_lines(payload))
        twice = repeated_line(payload)
        if twice is not None:
            output.progress(twice)
    if not reply.ok:
        output.error(failure(inquiry, reply, context.redact))
        return Exit.ERROR
    elapsed = f", {duration(reply.elapsed)} of it in the handler" if reply.elapsed is not None else ""
    output.note(f"{shown(inquiry.service)} answered in {duration(inquiry.latency)}{elapsed}")
    return Exit.DONE


def run_send(command: Command, context: Context) -> int:
    """Send a one-way message."""
    service, payload = command["service"], checked_payload_of(command, context)
    if repeats(command):
        return publish_often(
            command,
            context,
            f"sent to {shown(service)}",
            lambda: context.sender.send(service, command["action"], payload),
        )
    delivery = context.sender.send(service, command["action"], payload)
    if delivery.subscribers == 0:
        context.output.error(f"nobody serves {quoted(service)}: its channel has no subscriber")
        return Exit.NOBODY
    tell_delivery(command, context, delivery, f"sent to {shown(service)}")
    return Exit.DONE


def _bytes_of(command: Command, context: Context) -> bytes:
    """The bytes that --base64 says. Raises CommandError."""
    if payload_of(command, context):
        raise CommandError("--base64 is the whole message: there is no room for items beside it", len(command.line))
    try:
        text = command["base64"]
        return b"" if text == "=" else base64.b64decode(text, validate=True)
    except ValueError as error:
        raise CommandError(f"--base64: {error}", len(command.line)) from None


def run_broadcast(command: Command, context: Context) -> int:
    """Publish an object as it is. That nobody listens is no error: broadcasts are for whoever likes."""
    channel = command["channel"]
    if command["base64"] is not None:
        data = _bytes_of(command, context)

        def publish() -> Delivery:
            return context.sender.publish(channel, data)
    else:
        message = payload_of(command, context)

        def publish() -> Delivery:
            return context.sender.broadcast(channel, message)

    if repeats(command):
        return publish_often(command, context, f"published on {shown(channel)}", publish)
    delivery = publish()
    tell_delivery(command, context, delivery, f"published on {shown(channel)}")
    if delivery.subscribers == 0:
        context.output.note(f"nobody is subscribed to just {quoted(channel)} (subscribers of patterns are not counted)")
    return Exit.DONE
