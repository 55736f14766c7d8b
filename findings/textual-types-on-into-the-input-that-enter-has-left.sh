#!/bin/sh
# Textual 8.2.8: what is typed right after Enter goes into the Input that Enter has just left.
#
# A key is handed to whoever has the focus at that moment, and waits in that widget's own queue. What a key is bound to
# is carried out later, when it has gone up to the app; and `Input.Submitted` is one more message. Whoever moves the
# focus there moves it behind the keys that came meanwhile: all of them land in the old Input, and none is looked up
# among the bindings of the widget that has the focus then. A person who types fast, a macro or a paste of keys gets it.
# Seen: "Textual 8.2.8: the Input has 'onegm', and of the list's keys these were done: []".
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install -q --disable-pip-version-check textual==8.2.8
cat >"$here/keys.py" <<'PY'
import asyncio
from importlib.metadata import version

from textual.app import App
from textual.events import Key
from textual.widgets import Input, ListView


class Rows(ListView):
    BINDINGS = [("g", "note('g')", ""), ("m", "note('m')", "")]
    done: list[str] = []

    def action_note(self, key):
        self.done.append(key)


class Keys(App):
    def compose(self):
        yield Input()
        yield Rows()

    def on_input_submitted(self):
        self.query_one(Rows).focus()


async def main():
    app = Keys()
    async with app.run_test() as pilot:
        app.query_one(Input).focus()
        await pilot.press("o", "n", "e")
        for key, sign in (("enter", "\r"), ("g", "g"), ("m", "m")):
            app.post_message(Key(key, sign))
        for _ in range(20):
            await pilot.pause(0.05)
        text, done, there = app.query_one(Input).value, Rows.done, isinstance(app.focused, Rows)
    print(f"Textual {version('textual')}: the Input has {text!r}, and of the list's keys these were done: {done}")
    assert there, "the focus has moved"
    assert (text, done) == ("onegm", []), "they go to the list now"


asyncio.run(main())
PY
"$here/env/bin/python" "$here/keys.py"
