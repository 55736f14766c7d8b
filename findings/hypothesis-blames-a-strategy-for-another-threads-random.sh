#!/bin/sh
# hypothesis 6.170.17: a thread that has nothing to do with a test and uses `random` makes the test fail, by a warning that
# blames the test's strategies.
#
# While it draws, hypothesis compares the state of the module `random` before and after. A thread of a library that waits
# for a random time between two attempts changes it, and "Do not use the `random` module inside strategies" is the
# outcome: where warnings are errors the test fails, and as it does not fail again, as flaky. A library is better off
# with a `random.Random` of its own.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install -q --disable-pip-version-check hypothesis==6.170.17
"$here/env/bin/python" - <<'PY'
import random
import threading
import time
import warnings

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def outcome(chance):
    """What a test meets that uses no `random`, while a thread draws from that source."""
    over = threading.Event()

    def elsewhere():
        while not over.is_set():
            chance.uniform(0.5, 1.0)
            time.sleep(0.0001)

    @settings(max_examples=300, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.dictionaries(st.text(), st.floats())))
    def test(_value):
        pass

    thread = threading.Thread(target=elsewhere)
    thread.start()
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            test()
    finally:
        over.set()
        thread.join()
    return {str(warning.message).partition(";")[0] for warning in seen}


shared, own = outcome(random), outcome(random.Random())
print(f"the thread uses the module: {shared or 'nothing'}")
print(f"the thread has a Random of its own: {own or 'nothing'}")
assert any("Do not use the `random` module inside strategies" in text for text in shared)
assert not own
PY
