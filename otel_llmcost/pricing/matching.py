"""Which names may stand for a model: itself, the same with a date behind it, and nothing shorter.

A name that merely begins like a known one is another model: `gpt-5.4-mini` is not `gpt-5.4`, and a fine-tuned
`ft:gpt-4o:…` has its own price. A release date is different: providers publish one price for the undated name and
its dated snapshots, unless the table holds the dated name itself, which is always tried first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

EXACT: Final = "exact"
ALIAS: Final = "alias"
DATED_SUFFIX: Final = "dated_suffix"

_DATE: Final = re.compile(r"(.+?)[-@](20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])")
_LATEST: Final = "-latest"
_FINE_TUNED: Final = "ft:"


def spellings(model: str) -> Iterator[tuple[str, str]]:
    """Yield the names under which `model` may be priced, the most exact first, each with the kind of its match.

    The kind is `exact` for the name as it stands (an alias of the table, if the table says so), `alias` for another
    spelling of its date, and `dated_suffix` for the name without its date.
    """
    name = model.strip().lower()
    yield name, EXACT
    if name.startswith(_FINE_TUNED):
        name = _fine_tuned_base(name)
        yield name, ALIAS
    if dated := _DATE.fullmatch(name):
        base, year, month, day = dated.groups()
        for date in (f"-{year}-{month}-{day}", f"-{year}{month}{day}", f"@{year}{month}{day}"):
            yield base + date, ALIAS
        yield base, DATED_SUFFIX
    elif name.endswith(_LATEST):
        yield name.removesuffix(_LATEST), DATED_SUFFIX


def _fine_tuned_base(name: str) -> str:
    """Return `ft:<base model>` of a name like `ft:<base model>:<organisation>:<suffix>:<id>`."""
    return _FINE_TUNED + name.removeprefix(_FINE_TUNED).split(":", 1)[0]
