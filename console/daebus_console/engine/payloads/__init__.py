"""Payloads that are no plain JSON, made readable: msgpack, CBOR, envelopes, what is packed, pickles. Pure.

A file each. They are handed bytes of anybody's making: none raises for what it is handed, none takes more time or
memory than LIMITS say, none runs or builds what the bytes describe. What they make is JSON text, so that whatever reads
JSON (trees, filters, masking, exports) reads that too. Knows nothing of exchanges, and is asked only by whoever looks:
the bytes of a message are kept as they are.
"""

from daebus_console.engine.payloads.fields import Inside as Inside
from daebus_console.engine.payloads.fields import cbor_fields as cbor_fields
from daebus_console.engine.payloads.fields import number_of as number_of
from daebus_console.engine.payloads.form import form as form
from daebus_console.engine.payloads.limits import LIMITS as LIMITS
from daebus_console.engine.payloads.limits import Limits as Limits
from daebus_console.engine.payloads.looking import headers_in as headers_in
from daebus_console.engine.payloads.looking import payload_of as payload_of
from daebus_console.engine.payloads.looking import plain_payload_of as plain_payload_of
from daebus_console.engine.payloads.looking import text_in as text_in
from daebus_console.engine.payloads.looking import told as told
from daebus_console.engine.payloads.looking import value_in as value_in
from daebus_console.engine.payloads.looking import value_of as value_of
from daebus_console.engine.payloads.reading import Decoded as Decoded
from daebus_console.engine.payloads.reading import decode as decode
from daebus_console.engine.payloads.reading import is_packed as is_packed
