"""Checks of `zanzibar doctor` on the depth archive: nothing is forgotten, and its copies are sound."""

from __future__ import annotations

from zanzibar_assets.commands._health import FAIL, OK, WARN, Item
from zanzibar_assets.commands._health_sample import extent, to_check
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


def copies_item(config: Config, seed: int, *, full: bool = False) -> Item | None:
    """Archived copies still are what was written; None where there are none.

    All are hashed when they are small enough together or ``full``, else a sample drawn with ``seed``.
    """
    from zanzibar_assets.ingestion.depth_archive import archived_files
    from zanzibar_assets.ingestion.depth_archive_files import is_sound

    archive = config.depth_archive_dir
    try:
        kept = archived_files(archive)
    except ZanzibarError as error:
        return Item("archive_copies", FAIL, error.message, error.action)
    if not kept:
        return None
    chosen = to_check(kept, lambda note: note.compressed_bytes, seed, full=full)
    damaged = [note.file for note in chosen if not is_sound(archive, note)]
    looked = extent(len(chosen), len(kept), "archived copies")
    if not damaged:
        return Item("archive_copies", OK, f"{looked}, as written")
    return Item(
        "archive_copies",
        FAIL,
        f"{looked}; {len(damaged)} not as written: {', '.join(damaged[:5])}",
        "run `zanzibar archive` while Sierra's folder has the file, else bring the copy back from a backup",
    )
