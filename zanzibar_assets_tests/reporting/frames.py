"""Small hand-made frames that hold their contracts: one session of one simulated instrument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from zanzibar_assets.contracts.registry import breaches, conform, empty
from zanzibar_assets.store.keys import PartitionKey
from zanzibar_assets.store.manifest import CheckOutcome, InputRecord, PartitionRecord
from zanzibar_assets.vocabulary import Verdict

SESSION = "2025-01-06"
OPEN = datetime(2025, 1, 6, 14, 30, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """An instant so many minutes after the open."""
    return OPEN + timedelta(minutes=minutes)


def sound(table: str, rows: list[dict]) -> pl.DataFrame:
    """A frame of a table that holds its contract."""
    frame = conform(table, pl.DataFrame(rows, infer_schema_length=None)) if rows else empty(table)
    assert breaches(table, frame) == []
    return frame


def bars(count: int = 30) -> pl.DataFrame:
    """A steady rise of two ticks a minute from 4700."""
    rows = []
    for i in range(count):
        ticks = 18_800 + 2 * i
        rows.append(
            {
                "event_ts": at(i), "known_at": at(i + 1),
                "open_ticks": ticks, "high_ticks": ticks + 3,
                "low_ticks": ticks - 1, "close_ticks": ticks + 2,
                "open": ticks / 4, "high": (ticks + 3) / 4, "low": (ticks - 1) / 4, "close": (ticks + 2) / 4,
                "volume": 100.0 + i, "bid_volume": 40.0, "ask_volume": 60.0 + i, "delta": 20.0 + i,
                "trades": 10, "vwap": ticks / 4, "bar_seconds": 60, "session_state": "open", "basis": "ticks",
            }
        )  # fmt: skip
    return sound("bars", rows)


def points_of_interest() -> pl.DataFrame:
    return sound(
        "points_of_interest",
        [
            {
                "event_ts": at(4), "known_at": at(5), "poi_id": "poi-1", "kind": kind, "dir": 1,
                "lo_ticks": 18_800, "hi_ticks": 18_806, "lo": 4700.0, "hi": 4701.5, "score": 0.8,
                "source_kind": "order_block", "source_id": "ob-1", "factors": "{}",
                "event_id": f"{kind}-1", "ref_id": None if kind == "poi" else "poi-1",
                "level_ticks": 18_806, "level": 4701.5,
                "timeframe_seconds": 60, "def_version": 1, "params_hash": "x", "attrs": "{}",
            }
            for kind in ("poi", "poi_touch")
        ],
    )  # fmt: skip


def signal(number: int, *, status: str = "kept", approved: bool = True, source: str = "poi") -> dict:
    return {
        "event_ts": at(number), "known_at": at(number), "signal_id": f"sig-{number}", "instrument": "SIM_ES",
        "source": source, "dir": 1, "entry": 4702.0, "stop_distance_ticks": 8, "target_distance_ticks": 16,
        "stop_distance": 2.0, "target_distance": 4.0, "expires_at": at(number + 15), "risk_pct": 0.1,
        "score": 0.7, "model_id": None if source == "poi" else "model-1", "approved": approved,
        "status": status, "reason": "kept" if status == "kept" else "cooling down",
        "evidence": "{\"poi_id\": \"poi-1\"}", "simulated": True,
    }  # fmt: skip


def signals() -> pl.DataFrame:
    return sound(
        "signals",
        [signal(6), signal(8, status="dropped"), signal(9, approved=False, source="model")],
    )


def order(number: int, *, state: str = "filled", approved: bool = True, gate: str | None = None) -> dict:
    filled = state == "filled"
    return {
        "intent_id": f"int-{number}", "signal_id": f"sig-{number}", "instrument": "SIM_ES",
        "mt5_symbol": "US500.sim", "account": "SIM-1", "backend": "simulated", "dir": 1,
        "decided_at": at(number), "volume_lots": 0.5, "price_reference": 4690.0, "sl": 4688.0, "tp": 4694.0,
        "state": state, "gate": gate, "retcode": 10009 if filled else None,
        "order_ticket": 500 + number if filled else None, "deal_ticket": 700 + number if filled else None,
        "fill_price": 4690.5 if filled else None, "reason": "done" if filled else "no free margin",
        "approved": approved, "spread_assumed": False, "simulated": True,
    }  # fmt: skip


def orders() -> pl.DataFrame:
    return sound("orders", [order(6), order(9, state="blocked", approved=False, gate="daily_loss")])


def deal(ticket: int, position: int, entry: str, minutes: float, profit: float, intent: str | None) -> dict:
    return {
        "deal_ticket": ticket, "order_ticket": 506, "position_id": position, "intent_id": intent,
        "signal_id": "sig-6" if intent else None, "account": "SIM-1", "instrument": "SIM_ES",
        "mt5_symbol": "US500.sim", "time_utc": at(minutes), "side": "buy" if entry == "in" else "sell",
        "entry": entry, "volume_lots": 0.5, "price": 4690.5, "commission": -0.5, "swap": 0.0,
        "profit": profit, "fee": 0.0, "exit_reason": "" if entry == "in" else "tp",
        "slippage_points": 2.0, "approved": True, "spread_assumed": False, "simulated": True,
    }  # fmt: skip


def fills() -> pl.DataFrame:
    return sound("fills", [deal(706, 506, "in", 6.1, 0.0, "int-6"), deal(707, 506, "out", 12, 21.0, None)])


def account_state(**changes) -> pl.DataFrame:
    row = {
        "account": "SIM-1", "backend": "simulated", "as_of": at(400), "currency": "USD",
        "balance_start": 100_000.0, "balance": 100_020.0, "equity": 100_020.0, "margin": 0.0,
        "open_positions": 0, "realised": 21.0, "costs": -1.0, "daily_loss_limit": 3_000.0,
        "room_to_daily_limit": 3_020.0, "halted": False, "simulated": True,
    }  # fmt: skip
    return sound("account_state", [{**row, **changes}])


def validation(verdict: str = "reject") -> pl.DataFrame:
    return sound(
        "validation_report",
        [
            {
                "model_id": "model-1", "metric": metric, "value": value, "threshold": 0.95, "passed": False,
                "detail": "out of sample", "verdict": verdict, "verdict_reason": "DSR 0.31 is below 0.95",
                "validated_through": "2025-01-03",
            }
            for metric, value in (("dsr", 0.31), ("psr", 0.6))
        ],
    )  # fmt: skip


def narratives() -> pl.DataFrame:
    return sound(
        "narratives",
        [
            {
                "event_ts": at(-60), "known_at": at(-59), "narrative_id": "n-1", "author": "Patryk",
                "instrument": "ES", "bias": "long", "bias_score": 0.6, "conviction": "medium",
                "conditional": True, "no_trade": False, "horizon": "session", "levels": 2, "warnings": 0,
                "document": "{}", "text_sha256": "ab", "parser_version": "1", "simulated": True,
            }
        ],
    )  # fmt: skip


def performance() -> pl.DataFrame:
    return sound(
        "performance",
        [
            {
                "scope": "account", "account": "SIM-1", "sessions": 3, "trades": 4, "wins": 3,
                "gross_profit": 90.0, "costs": -4.0, "net_profit": 86.0, "return_pct": 0.086,
                "max_drawdown_pct": 0.02, "mean_slippage_points": 2.0, "unapproved_trades": 1,
                "simulated": True,
            }
        ],
    )  # fmt: skip


def record(
    table: str,
    key: str,
    fingerprint: str | None = "f0",
    *,
    inputs: tuple[tuple[str, str, str], ...] = (),
    verdict: Verdict = Verdict.OK,
    checks: tuple[CheckOutcome, ...] = (),
    reasons: tuple[str, ...] = (),
    rows: int | None = 10,
    simulated: bool = True,
) -> PartitionRecord:
    """A row of the manifest."""
    return PartitionRecord(
        table=table, key=PartitionKey.parse(key), verdict=verdict, fingerprint=fingerprint, bytes=100,
        rows=rows, first_us=0, last_us=1, schema_version=1, code_version="c", config_hash="h",
        inputs=tuple(InputRecord(*item) for item in inputs), reasons=reasons, checks=checks,
        simulated=simulated,
    )  # fmt: skip
