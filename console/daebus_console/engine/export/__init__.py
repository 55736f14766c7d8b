"""Taking exchanges along, in one format a module. Each is a function from exchanges to pieces of text. Pure.

Nothing here writes a file or a screen; values are masked where they are read (`parts`), so no format can forget to.
"""

from __future__ import annotations

from daebus_console.engine.export.formats import FORMATS as FORMATS
from daebus_console.engine.export.formats import export as export
from daebus_console.engine.export.formats import format_for as format_for
from daebus_console.engine.export.formats import pieces as pieces
from daebus_console.engine.export.options import ExportError as ExportError
from daebus_console.engine.export.options import ExportOptions as ExportOptions
