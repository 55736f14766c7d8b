#!/bin/sh
# pytest-xdist 3.8.0 with pytest 9.2.0: `--dist loadgroup` does not keep the tests of one `xdist_group` on one worker.
#
# The mark is put into `item._nodeid`, which `item.nodeid` of pytest 9.2 no longer reads, so the scheduler sees no
# group. Four tests of one group that each take a moment are run by two workers; with pytest 8.4.2 by one.
# Seen: "pytest 9.2.0: 2 workers", "pytest 8.4.2: 1 worker".
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cat >"$here/test_group.py" <<'PY'
import os
import time

import pytest


@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(4))
def test_one(number):
    time.sleep(0.5)
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(os.environ["PYTEST_XDIST_WORKER"] + "\n")
PY
workers() { # pytest's version
  python3 -m venv "$here/$1"
  "$here/$1/bin/pip" install -q --disable-pip-version-check "pytest==$1" "pytest-xdist==3.8.0"
  SEEN="$here/seen-$1" "$here/$1/bin/python" -m pytest -q -n 2 --dist loadgroup "$here/test_group.py" >/dev/null
  sort -u "$here/seen-$1" | wc -l
}
new=$(workers 9.2.0)
old=$(workers 8.4.2)
echo "pytest 9.2.0: $new workers, pytest 8.4.2: $old worker(s)"
[ "$new" -eq 2 ] && [ "$old" -eq 1 ]
