#!/bin/sh
# Textual 8.2.8: `deliver_screenshot` says that without a `path` it saves into the working folder; it saves into the
# user's folder for downloads. Where there is none, as on most servers, nothing is saved, and what is shown tells that it
# failed, but not why.
# Seen: "Textual 8.2.8: without a folder for downloads complete=False failed=True here=[]; with one: complete=True
# failed=False here=[] downloads=['shot.svg']".
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install -q --disable-pip-version-check textual==8.2.8
mkdir "$here/work" "$here/home"
cat >"$here/shot.py" <<'PY'
import asyncio
import os
from importlib.metadata import version

from textual.app import App
from textual.events import DeliveryComplete, DeliveryFailed


class Shot(App):
    complete = failed = False

    def on_mount(self):
        assert "current working directory" in App.deliver_screenshot.__doc__
        self.deliver_screenshot("shot.svg")

    def on_event_of_delivery(self, event):
        self.complete = self.complete or isinstance(event, DeliveryComplete)
        self.failed = self.failed or isinstance(event, DeliveryFailed)

    async def on_event(self, event):
        self.on_event_of_delivery(event)
        await super().on_event(event)


def shot():
    app = Shot()

    async def run():
        async with app.run_test() as pilot:
            for _turn in range(100):
                await pilot.pause(0.05)
                if app.complete or app.failed:
                    break

    asyncio.run(run())
    return f"complete={app.complete} failed={app.failed} here={sorted(os.listdir('.'))}"


downloads = os.path.join(os.environ["HOME"], "Downloads")
without = shot()
os.mkdir(downloads)
told = f"without a folder for downloads {without}; with one: {shot()} downloads={sorted(os.listdir(downloads))}"
print(f"Textual {version('textual')}: {told}")
assert without == "complete=False failed=True here=[]"
assert told.endswith("with one: complete=True failed=False here=[] downloads=['shot.svg']")
PY
cd "$here/work"
unset XDG_DOWNLOAD_DIR XDG_CONFIG_HOME
HOME="$here/home" "$here/env/bin/python" "$here/shot.py"
