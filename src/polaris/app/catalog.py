"""Captures into a catalog: decoded by the very feeds of the desk, written as they come."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from polaris.research.catalog.write import CatalogWriter
from polaris.venues.replay import Replay


def add_capture(path: Path, root: Path, venue: str | None = None, advance: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """Add one capture to the catalog `root`.

    venue    of a file without a header
    advance  called with the frames read so far and 0
    returns  {"capture", "venue", "source", "rows": {kind: n}, "cut": how the file ends early, or ""}
    raises   BadCapture, BadData where the catalog holds it already
    """
    with path.open("rb") as file:
        source = hashlib.file_digest(file, "sha256").hexdigest()
    replay = Replay(path, venue)
    with CatalogWriter(root, replay.instruments, source) as writer:
        for rows in replay.batches():
            writer.hear(rows)
            if advance is not None:
                advance(replay.feed.stats.frames, 0)
    return {"capture": str(path), "venue": replay.venue.name, "source": source, "rows": dict(writer.rows), "cut": "; ".join(map(str, replay.warnings))}
