"""Text that every reader takes the same way: no separators, quotes, control characters or formulas."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from zanzibar_assets.errors import UsageError

MOST_CHARACTERS = 120
SYMBOL = re.compile(r"[A-Za-z0-9/][A-Za-z0-9_.:/@#\- ]{0,63}")


def plain(text: str) -> str:
    """Text for a field that is never quoted.

    Readers differ in how they take quotes, so there are none: commas and semicolons become spaces,
    quotes apostrophes, and what is not printable ASCII ``?``. A leading ``= + - @`` is dropped: a
    spreadsheet would run it as a formula.
    """
    swapped = re.sub(r"[\s,;]+", " ", text).replace('"', "'")
    shown = "".join(letter if " " <= letter <= "~" else "?" for letter in swapped)
    return shown.lstrip("=+-@' ").rstrip()[:MOST_CHARACTERS].rstrip()


def price_digits(tick: float) -> int:
    """Decimals of a tick: 2 for 0.25, 1 for 0.1, 0 for 5."""
    exponent = Decimal(repr(tick)).normalize().as_tuple().exponent
    return max(0, -int(exponent))


def price_text(price: float, digits: int) -> str:
    """A price with a decimal point, never in powers of ten. Raises UsageError when it is no number."""
    if not math.isfinite(price):
        raise UsageError("a mark has no price", got=str(price))
    return f"{price:.{digits}f}"


def checked_symbol(symbol: str) -> str:
    """The symbol. Raises UsageError when it could break a line of the file or run as a formula."""
    if SYMBOL.fullmatch(symbol) is None:
        raise UsageError(
            f"{symbol!r} is no symbol",
            expected="letters, digits and _ . : / @ # - such as ESH25.CME@RITHMIC",
            action="give --symbol as the charting program shows it",
        )
    return symbol
