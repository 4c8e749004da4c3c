"""The generated dashboards as the tests read them: from the files, not from the code that wrote them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

GENERATED: Final = Path(__file__).parents[2] / "dashboards" / "generated"


@dataclass(frozen=True, slots=True)
class Asked:
    """A query of a dashboard: what it is for, its SQL, its shape (0 over time, 1 table), and its panel if any."""

    board: str
    title: str
    sql: str
    form: int
    panel: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.board}: {self.title}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A dashboard."""

    name: str
    json: dict[str, Any]

    @property
    def variables(self) -> list[str]:
        """Its variables of which one may choose all."""
        return [each["name"] for each in self.json["templating"]["list"] if each.get("includeAll")]

    @property
    def texts(self) -> dict[str, str]:
        """Its variables that hold one value, typed or chosen, with what the tests put there."""
        listed = self.json["templating"]["list"]
        typed = {each["name"]: str(each.get("query") or "") for each in listed if each["type"] == "textbox"}
        chosen = [each for each in listed if each["type"] == "query" and not each.get("includeAll")]
        return typed | {each["name"]: "tier" for each in chosen}

    @property
    def panels(self) -> list[dict[str, Any]]:
        """Its panels, without the headings of rows."""
        return [panel for panel in self.json["panels"] if panel["type"] != "row"]

    @property
    def asked(self) -> list[Asked]:
        """Every query: of panels, variables and annotations."""
        found = [
            Asked(self.name, panel["title"], target["rawSql"], target["format"], panel)
            for panel in self.panels
            for target in panel["targets"]
        ]
        found += [
            Asked(self.name, f"variable {each['name']}", each["query"]["rawSql"], 1)
            for each in self.json["templating"]["list"]
            if each["type"] == "query"
        ]
        return found + [
            Asked(self.name, f"annotation {each['name']}", each["target"]["rawSql"], 1)
            for each in self.json["annotations"]["list"]
        ]


def shown() -> list[Shown]:
    """Return every dashboard."""
    return [Shown(path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(GENERATED.glob("*.json"))]
