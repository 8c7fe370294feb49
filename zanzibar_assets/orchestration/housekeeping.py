"""Housekeeping by the clock. Belongs here: one op that frees room, its job, its schedule (off).

Annotations are evaluated here: Dagster reads those of an op.
"""

import dagster as dg

from zanzibar_assets.orchestration.resources import ZanzibarResource, clock_us

HOUSEKEEPING = "housekeeping"


@dg.op(description="Frees the bytes of what running sessions looked like before each growth; records stay.")
def release_looks_of_closed_sessions(context: dg.OpExecutionContext, zanzibar: ZanzibarResource) -> None:
    """Call the store's housekeeping and report what it freed."""
    from zanzibar_assets.store.housekeeping import release_looks

    freed = release_looks(zanzibar.workspace(context.run.run_id), clock_us())
    context.add_output_metadata({"versions": len(freed), "bytes": sum(item.bytes for item in freed)})


@dg.job(name=HOUSEKEEPING, description="Free what running sessions left behind, a day after their close.")
def housekeeping() -> None:
    """One op."""
    release_looks_of_closed_sessions()


def build_housekeeping_schedule() -> dg.ScheduleDefinition:
    """Daily, beside the depth archive."""
    return dg.ScheduleDefinition(
        name="daily_housekeeping",
        job=housekeeping,
        cron_schedule="40 1 * * *",
        execution_timezone="UTC",
        description="Frees versions that a running session's growth superseded.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
