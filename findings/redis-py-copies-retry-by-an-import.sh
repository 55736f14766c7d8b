#!/bin/sh
# redis-py 8.1.0: making a Connection copies its `retry` with copy.deepcopy, which imports on its way; in a `__del__` that
# runs when the interpreter has ended its imports that is `ImportError: sys.meta_path is None`, and nothing can be sent.
#
# A Retry whose __deepcopy__ returns itself is not copied, and the connection comes about in the same place.
# Seen (Python 3.11): "copied: ImportError sys.meta_path is None, Python is likely shutting down", "shared: made".
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install -q --disable-pip-version-check redis==8.1.0
cat >"$here/late.py" <<'PY'
import sys

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


class Shared(Retry):
    def __deepcopy__(self, memo):
        return self


class Late:
    def __init__(self, kind):
        self.kind, self.connection, self.backoff, self.write = kind, redis.Connection, NoBackoff, sys.stdout.write

    def __del__(self):
        try:
            self.connection(host="127.0.0.1", protocol=2, driver_info=None, retry=self.kind(self.backoff(), 0))
            said = "made"
        except Exception as error:
            said = f"{type(error).__name__} {error}"
        self.write(f"{self.name}: {said}\n")


late = Late(Shared if sys.argv[1] == "shared" else Retry)
late.name = sys.argv[1]
late.itself = late
sys.modules["kept"] = late
PY
said=$("$here/env/bin/python" "$here/late.py" copied 2>/dev/null; "$here/env/bin/python" "$here/late.py" shared 2>/dev/null)
echo "$said"
echo "$said" | grep -q "^copied: ImportError" && echo "$said" | grep -qx "shared: made"
