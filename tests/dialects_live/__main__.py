"""Writes the table of docs/dialects.md anew: `make dialects`."""

from __future__ import annotations

from typing import Final

from tests.bench.environments import ROOT
from tests.dialects_live.compare import table

PAGE: Final = ROOT / "docs" / "dialects.md"
BEGIN: Final = "<!-- written by make dialects -->\n"
END: Final = "<!-- until here -->"


def with_table(page: str, written: str) -> str:
    """Return the page with another table between its two marks."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}{written}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table()), encoding="utf-8")
