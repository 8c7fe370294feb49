"""The obvious order book: two dictionaries, one batch after the other."""

from __future__ import annotations

from bisect import bisect_right

US_PER_DAY = 86_400_000_000


class SlowBook:
    """Price -> size for both sides; counts what the fast book counts."""

    def __init__(self):
        self.bids, self.asks = {}, {}
        self.unknown_deletes = self.clears = self.crossed = self.batches = 0

    def apply_batch(self, batch):
        """``batch``: (command, price, size) triples."""
        for command, price, size in batch:
            if command == 1:
                self.bids, self.asks = {}, {}
                self.clears += 1
            elif 2 <= command <= 7:
                side = self.bids if command % 2 == 0 else self.asks
                if command >= 6 or size == 0:
                    self.unknown_deletes += price not in side
                    side.pop(price, None)
                else:
                    side[price] = size
        self.batches += 1
        if self.bids and self.asks and max(self.bids) > min(self.asks):
            self.crossed += 1

    def top(self, levels):
        """((price, size) best first, bids then asks), shorter when the side is."""
        bids = sorted(self.bids.items(), reverse=True)[:levels]
        asks = sorted(self.asks.items())[:levels]
        return tuple(bids), tuple(asks)


def batches_of(rows):
    """Split (stamp, command, flags, price, size) rows into (stamp of the end, triples); drops an open end."""
    batch = []
    for stamp, command, flags, price, size in rows:
        batch.append((command, price, size))
        if flags & 1:
            yield stamp, batch
            batch = []


def slow_replay(rows, levels, every_us=0):
    """[(stamp, top)] after each batch, or at the grid instants before which a batch came."""
    book, out, pending = SlowBook(), [], None
    for stamp, batch in batches_of(rows):
        if every_us and pending is not None and stamp >= pending:
            out.append((pending, book.top(levels)))
        book.apply_batch(batch)
        if every_us:
            midnight = stamp // US_PER_DAY * US_PER_DAY
            instants = range(midnight, midnight + US_PER_DAY, every_us)
            later = bisect_right(instants, stamp)
            pending = instants[later] if later < len(instants) else midnight + US_PER_DAY
        else:
            out.append((stamp, book.top(levels)))
    if every_us and pending is not None:
        out.append((pending, book.top(levels)))
    return out, book


def changes_of(rows):
    """Those rows of ``slow_replay`` whose top differs from the row before; an empty book before the first."""
    out, before = [], ((), ())
    for stamp, top in rows:
        if top != before:
            out.append((stamp, top))
        before = top
    return out
