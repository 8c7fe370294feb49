"""The depth archive by the clock. Belongs here: one op that calls it, its job, its schedule (off).

Annotations are evaluated here: Dagster reads those of an op.
"""

import dagster as dg

from zanzibar_assets.orchestration.resources import ZanzibarResource, clock_us

DEPTH_ARCHIVE = "depth_archive"


@dg.op(description="Archives depth files whose UTC day is over; what is archived already is left alone.")
def archive_depth_files(context: dg.OpExecutionContext, zanzibar: ZanzibarResource) -> None:
    """Call the archive with the configured folders and report its counts."""
    from zanzibar_assets.errors import ConfigError
    from zanzibar_assets.ingestion.depth_archive import archive_depth
    from zanzibar_assets.ingestion.sources import sierra_paths

    config = zanzibar.config()
    if config.sierra_dir is None:
        raise ConfigError("no Sierra folder is configured", action="set sierra_dir in zanzibar.yaml")
    paths = sierra_paths(config.sierra_dir, config.depth_dir)
    done = archive_depth(paths, config.depth_archive_dir, clock_us())
    context.add_output_metadata(
        {
            "archived": [note.file for note in done.archived],
            "unchanged": len(done.unchanged),
            "left": [f"{name}: {reason}" for name, reason in done.left],
            "repaired": [item.file for item in done.repaired],
            "damaged": [item.file for item in done.damaged],
        }
    )
    if done.damaged:
        raise dg.Failure(
            f"{len(done.damaged)} archived depth files are damaged and their sources are gone: "
            "restore the archive folder from a backup",
            metadata={"damaged": [item.file for item in done.damaged]},
        )


@dg.job(name=DEPTH_ARCHIVE, description="Keep depth files before Sierra Chart forgets them.")
def depth_archive() -> None:
    """One op."""
    archive_depth_files()


def build_archive_schedule() -> dg.ScheduleDefinition:
    """Daily, after the UTC day's files have come to rest."""
    return dg.ScheduleDefinition(
        name="daily_depth_archive",
        job=depth_archive,
        cron_schedule="20 1 * * *",
        execution_timezone="UTC",
        description="Archives the depth files of the UTC days that are over.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
