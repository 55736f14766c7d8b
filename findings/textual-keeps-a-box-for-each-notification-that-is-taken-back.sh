#!/bin/sh
# Textual 8.2.8: a notification that is taken back leaves the box that was around it on the screen, empty, for good.
#
# Those whose time is over take their boxes along, and so do those that are clicked away. `App.clear_notifications`, and
# whatever else takes one from the list before its time, removes the toasts and leaves their holders mounted: an app that
# makes room for the newest, or clears old ones before it says the next, gains a widget with each.
# Seen: "Textual 8.2.8: 20 taken back leave 20 boxes; 20 whose time was over leave 0".
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install -q --disable-pip-version-check textual==8.2.8
cat >"$here/toasts.py" <<'PY'
import asyncio
from importlib.metadata import version

from textual.app import App
from textual.widgets._toast import Toast, ToastHolder

COUNT = 20


async def left(taken_back):
    app = App()
    async with app.run_test(notifications=True) as pilot:
        for number in range(COUNT):
            app.notify(f"number {number}", timeout=60 if taken_back else 0.1)
        while taken_back and len(app.screen.query(Toast)) < COUNT:
            await pilot.pause(0.05)
        if taken_back:
            app.clear_notifications()
        for _ in range(100):
            await pilot.pause(0.05)
            if not app.screen.query(Toast):
                break
        await pilot.pause(0.5)
        assert not app.screen.query(Toast)
        return len(app.screen.query(ToastHolder))


taken, over = asyncio.run(left(True)), asyncio.run(left(False))
print(f"Textual {version('textual')}: {COUNT} taken back leave {taken} boxes; {COUNT} whose time was over leave {over}")
assert (taken, over) == (COUNT, 0)
PY
"$here/env/bin/python" "$here/toasts.py"
