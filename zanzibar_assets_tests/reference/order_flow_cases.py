"""Hand-worked cases of order flow, profile and VWAP, with the reasoning."""

from __future__ import annotations

# (profile from the lowest price up, poc, vah, val, volume inside, total); 70 %, two rows at a time
VALUE_AREA_TWO_ROWS = (
    [(100, 5), (101, 10), (102, 20), (103, 40), (104, 80), (105, 60), (106, 30), (107, 15), (108, 5)],
    # target 185.5; POC 104 (80); above 60+30=90 >= below 40+20=60: 170; above 15+5=20 < below 60: 230
    (104, 106, 102, 230, 265),
)
VALUE_AREA_POC_TIE = (
    [(100, 10), (101, 50), (102, 10), (103, 50), (104, 10)],
    # 101 and 103 tie, equally far from the centre: the lower; above 60 against below 10: 110 >= 91
    (101, 103, 101, 110, 130),
)

# trades (price, size) and after each (vwap, sd): population deviation weighted by volume
VWAP_BANDS = (
    [(100, 1), (102, 1), (101, 2)],
    [(100.0, 0.0), (101.0, 1.0), (101.0, 0.7071067811865476)],
)
VWAP_ZERO_SIZE = (
    [(100, 2), (500, 0), (104, 2)],
    [(100.0, 0.0), (100.0, 0.0), (102.0, 2.0)],
)

# quotes (bid, bid size, ask, ask size) and the order flow of each update after the first
OFI_EACH_EVENT = (
    [
        (100, 10, 101, 12),
        (100, 13, 101, 12),  # limit buy +3
        (100, 9, 101, 12),  # sell or cancel at the bid -4
        (99, 7, 101, 12),  # bid depleted: the whole old queue -9
        (99, 7, 101, 15),  # limit sell -3
        (99, 7, 101, 5),  # ask reduced +10
        (99, 7, 102, 8),  # ask lifted: the whole old queue +5
        (100, 4, 102, 8),  # new better bid +4
        (101, 6, 103, 9),  # both up +6 +8
        (101, 6, 103, 9),  # unchanged
    ],
    [3, -4, -9, -3, 10, 5, 4, 14, 0],
)

# price: (sold at it, bought at it); ratio 3, at least 5 lots
FOOTPRINT = {103: (0, 6), 102: (5, 12), 101: (4, 21), 100: (7, 15), 99: (20, 3), 98: (2, 1)}
# bought 12 at 102 >= 3 * 4 sold at 101 (equality counts); 21 at 101 >= 3 * 7 sold at 100; nothing sold
FOOTPRINT_BUY, FOOTPRINT_SELL, FOOTPRINT_DELTA = [101, 102], [], 20
