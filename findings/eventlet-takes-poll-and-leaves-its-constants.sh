#!/bin/sh
# eventlet 0.41.3: monkey_patch takes `select.poll` (and `epoll`) away and leaves what belongs to it.
#
# A library that looks for `select.POLLRDHUP` (which only systems with `poll` have) and then calls `select.poll()` works
# everywhere but there: AttributeError. `selectors` has no PollSelector any more either. Ask for the function itself.
# Seen: poll and epoll True before and False after; POLLIN, POLLRDHUP, EPOLLIN True both times; PollSelector False.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install -q --disable-pip-version-check eventlet==0.41.3
"$here/env/bin/python" -W ignore - <<'PY'
import select

NAMES = ("poll", "epoll", "POLLIN", "POLLRDHUP", "EPOLLIN")
before = {name: hasattr(select, name) for name in NAMES}
import eventlet

eventlet.monkey_patch()
import selectors

after = {name: hasattr(select, name) for name in NAMES}
print("before:", before)
print("after: ", after, "PollSelector:", hasattr(selectors, "PollSelector"))
assert all(before.values())
assert after == {"poll": False, "epoll": False, "POLLIN": True, "POLLRDHUP": True, "EPOLLIN": True}
PY
