"""A market-by-price book on two dictionaries: the plain way to replay depth rows."""

from __future__ import annotations


class PlainBook:
    """Price -> size of each side; ``apply`` takes (command, price, size) and fails on what cannot be."""

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}

    def apply(self, command: int, price: int, size: int) -> int:
        """Apply one record; returns by how much the level's size went down (0 when it went up)."""
        if command == 1:
            self.bids, self.asks = {}, {}
            return 0
        side = self.bids if command % 2 == 0 else self.asks
        before = side.get(price, 0)
        if command in (2, 3):
            assert price not in side, f"level {price} added twice"
            assert size > 0
            side[price] = size
        elif command in (4, 5):
            assert price in side, f"level {price} modified but not there"
            assert size > 0
            side[price] = size
        else:
            assert price in side, f"level {price} deleted but not there"
            assert size == 0
            del side[price]
        return max(0, before - side.get(price, 0))

    @property
    def crossed(self) -> bool:
        """Best bid at or over best ask."""
        return bool(self.bids) and bool(self.asks) and max(self.bids) >= min(self.asks)
