"""Events that other processes hand to the owner of an embedded store, since it alone can write.

Each hand-over is a file in a directory beside the owner's lock, whole once it has its name; the owner writes what it
holds and removes it. So whoever may write here is whom the file system lets, and an owner that is busy, or gone until
tomorrow, loses nothing: an event told twice is one (`event_id`).
"""

from __future__ import annotations

import json
import os
import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_PLACE: Final = "handed"
_MOMENT: Final = "occurred_at"


def hand_over(directory: str, events: Iterable[Mapping[str, object]]) -> None:
    """Leave rows of `cost_events_log` for the owner of `directory`, all of the same columns.

    Raises:
        OSError: They cannot be written there.
    """
    rows = [{**event, _MOMENT: _text(event[_MOMENT])} for event in events]
    if not rows:
        return
    place = Path(directory) / _PLACE
    place.mkdir(mode=0o700, exist_ok=True)
    part = place / f"{time.time_ns():020}-{uuid.uuid4().hex}.part"
    with part.open("w", encoding="utf-8") as file:
        json.dump(rows, file)
        file.flush()
        os.fsync(file.fileno())
    part.rename(part.with_suffix(".json"))


def handed(directory: str) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """Yield what was handed over, the oldest first: the file, and its rows; a file without any cannot be read."""
    for path in sorted((Path(directory) / _PLACE).glob("*.json")):
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
            yield path, [{**row, _MOMENT: datetime.fromisoformat(row[_MOMENT])} for row in rows]
        except (ValueError, TypeError, KeyError):
            yield path, []


def _text(moment: object) -> str:
    assert isinstance(moment, datetime)
    return moment.isoformat()
