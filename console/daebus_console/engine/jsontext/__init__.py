"""JSON as it was written: numbers with their digits, members that stand twice, and texts edited in one place. Pure.

Values are the ordinary ones wherever those say all that the text says; what they would lose is kept by subclasses of
them (Number, Object, Array), which print as they came. Knows nothing of messages.
"""

from __future__ import annotations

from daebus_console.engine.jsontext.editing import Span as Span
from daebus_console.engine.jsontext.editing import appended as appended
from daebus_console.engine.jsontext.editing import children as children
from daebus_console.engine.jsontext.editing import colon_of as colon_of
from daebus_console.engine.jsontext.editing import reduced as reduced
from daebus_console.engine.jsontext.editing import replaced as replaced
from daebus_console.engine.jsontext.editing import with_members as with_members
from daebus_console.engine.jsontext.editing import without as without
from daebus_console.engine.jsontext.merging import merged as merged
from daebus_console.engine.jsontext.numbers import Number as Number
from daebus_console.engine.jsontext.numbers import exact as exact
from daebus_console.engine.jsontext.numbers import number as number
from daebus_console.engine.jsontext.reading import BLANKS as BLANKS
from daebus_console.engine.jsontext.reading import Array as Array
from daebus_console.engine.jsontext.reading import Object as Object
from daebus_console.engine.jsontext.reading import loads as loads
from daebus_console.engine.jsontext.reading import loads_strict as loads_strict
from daebus_console.engine.jsontext.reading import made_of as made_of
from daebus_console.engine.jsontext.reading import names_twice as names_twice
from daebus_console.engine.jsontext.reading import pairs_of as pairs_of
from daebus_console.engine.jsontext.reading import read_members as read_members
from daebus_console.engine.jsontext.reading import repeated as repeated
from daebus_console.engine.jsontext.reading import with_text as with_text
from daebus_console.engine.jsontext.writing import canonical as canonical
from daebus_console.engine.jsontext.writing import dumps as dumps
from daebus_console.engine.jsontext.writing import escaped as escaped
from daebus_console.engine.jsontext.writing import formatted as formatted
from daebus_console.engine.jsontext.writing import one_line as one_line
from daebus_console.engine.jsontext.writing import pieces as pieces
from daebus_console.engine.jsontext.writing import text_of as text_of
from daebus_console.engine.jsontext.writing import unbroken as unbroken
