"""Check of `zanzibar doctor` on the depth archive."""

from __future__ import annotations

from zanzibar_assets.commands._health import FAIL, OK, WARN, Item
from zanzibar_assets.config import Config
from zanzibar_assets.errors import ZanzibarError

FORGOTTEN_AFTER_DAYS, WARN_AFTER_DAYS = 30, 20


def archive_item(config: Config, now_us: int) -> Item | None:
    """Depth that Sierra Chart will soon forget is archived; None where no Sierra folder can be looked at."""
    from zanzibar_assets.ingestion.depth_archive import archived_files, depth_day_end_us, unarchived
    from zanzibar_assets.ingestion.sources import sierra_paths

    if config.sierra_dir is None or not config.sierra_dir.is_dir():
        return None
    try:
        paths = [
            path
            for path in sierra_paths(config.sierra_dir, config.depth_dir)
            if depth_day_end_us(path) is not None
        ]
        late = unarchived(paths, config.depth_archive_dir, now_us, WARN_AFTER_DAYS)
        kept = archived_files(config.depth_archive_dir)
    except ZanzibarError as error:
        return Item("depth_archive", FAIL, error.message, error.action)
    held = f"{len({note.source for note in kept})} depth files archived, {len(paths)} in Sierra's folder"
    if not late:
        return Item("depth_archive", OK, held)
    return Item(
        "depth_archive",
        WARN,
        f"{held}; {len(late)} older than {WARN_AFTER_DAYS} days are not archived, {late[0].name} first",
        f"run `zanzibar archive`: Sierra Chart offers about {FORGOTTEN_AFTER_DAYS} days of depth",
    )
