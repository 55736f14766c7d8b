"""`python -m daebus` is the program `daebus`."""

from __future__ import annotations

import sys

from .command import main

sys.exit(main())
