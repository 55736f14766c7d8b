#!/bin/sh
# Textual 8.2.8: a timer that is to ring once (`set_timer`) never rings if its time is over before its task first looks.
#
# Timers skip what they could not do in time, and one that is to ring once has then nothing left to do. A delay of a
# nanosecond shows it always; one of 8 ms, such as that between a change of the terminal's size and telling the screens
# of it, is lost when the system takes the processor away at that moment, and the screens keep their old size from then
# on, since the app takes that timer for one that is still to ring. A delay of 0 ends in a ZeroDivisionError that
# nobody is told of.
# Seen: "Textual 8.2.8: rang after [0.05] s of [0, 1e-09, 0.05]".
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install -q --disable-pip-version-check textual==8.2.8
cat >"$here/timers.py" <<'PY'
from importlib.metadata import version

from textual.app import App

DELAYS = [0, 1e-9, 0.05]


class Timers(App):
    def on_mount(self):
        self.rang = []
        for delay in DELAYS:
            self.set_timer(delay, lambda delay=delay: self.rang.append(delay))
        self.set_timer(2, self.exit)


app = Timers()
app.run(headless=True)
print(f"Textual {version('textual')}: rang after {app.rang} s of {DELAYS}")
assert app.rang == [0.05]
PY
"$here/env/bin/python" "$here/timers.py" 2>/dev/null
