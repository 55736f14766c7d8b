"""Payloads that are no plain JSON, made readable: msgpack, CBOR, envelopes, what is packed, pickles. Pure.

A file each. They are handed bytes of anybody's making: none raises for what it is handed, none takes more time or
memory than LIMITS say, none runs or builds what the bytes describe. What they make is JSON text, so that whatever reads
JSON (trees, filters, masking, exports) reads that too. Knows nothing of exchanges, and is asked only by whoever looks:
the bytes of a message are kept as they are.
"""

from daebus_console.engine.payloads.limits import LIMITS as LIMITS
from daebus_console.engine.payloads.limits import Limits as Limits
from daebus_console.engine.payloads.reading import Decoded as Decoded
from daebus_console.engine.payloads.reading import decode as decode
