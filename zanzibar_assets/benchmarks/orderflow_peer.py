"""The peer of the order-flow benchmark, run by an interpreter that has orderflow-metrics: seconds as JSON.

Arguments: quotes (npz of bid, bid_size, ask, ask_size), rounds. It computes on Python objects; making
them is not timed.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
