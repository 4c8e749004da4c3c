"""How one table or view is defined, read from the engine's own text of it, and what makes it another one.

The engine writes one column or index a line, and each clause on lines of its own: nothing of SQL needs to be understood
but where a part begins.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Statements: TypeAlias = tuple[str, ...]
Mend: TypeAlias = tuple[str, str, str, Statements]
"""What differs, how it is, how it has to be, and what makes it so."""

_ELEMENT: Final = re.compile(r"    (INDEX |PROJECTION |CONSTRAINT )?`?(\w+)`? ")
_CLAUSE: Final = re.compile(r"(ENGINE|PARTITION BY|PRIMARY KEY|ORDER BY|SAMPLE BY|TTL|SETTINGS|COMMENT)\b ?")
_TEXT: Final = re.compile(r"'(?:[^'\\]|\\.|'')*'")
_PROPERTIES: Final = ("DEFAULT", "MATERIALIZED", "ALIAS", "COMMENT", "CODEC", "TTL")
_SETTING: Final = re.compile(r"(\w+) = ('(?:[^'\\]|\\.|'')*'|[^,]+)")

_NOT_ALTERED: Final = ("ENGINE", "PARTITION BY", "PRIMARY KEY", "ORDER BY", "SAMPLE BY")


class Table:
    """A table or view.

    Args:
        name: Its name.
        text: Its CREATE as `formatQuery` writes it, with its database; empty where there is none.

    Attributes:
        is_table: Whether it holds rows.
        columns: The text of each column, in order; of a view nothing is taken apart.
        others: The text of each index, projection and constraint, by its kind and name.
        clauses: What stands behind ENGINE, ORDER BY and so on.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self.is_table = text.startswith("CREATE TABLE ")
        self.columns: dict[str, str] = {}
        self.others: dict[str, str] = {}
        self.clauses: dict[str, str] = {}
        if self.is_table:
            self._read()

    @property
    def full_name(self) -> str:
        """The name with its database, as the text has it."""
        return self.text.split("\n", 1)[0].split()[-1]

    @property
    def definition(self) -> dict[str, str]:
        """All that an ALTER can change but columns."""
        return {name: said for name, said in self.clauses.items() if name not in _NOT_ALTERED}

    def _read(self) -> None:
        head, _, tail = self.text.partition("\n)\n")
        part, key = self.columns, ""
        for line in head.split("\n")[2:]:
            if begun := _ELEMENT.match(line):
                part = self.others if begun[1] else self.columns
                key = f"{begun[1] or ''}{begun[2]}"
                part[key] = line.strip().removesuffix(",")
            else:
                part[key] += " " + line.strip().removesuffix(",")
        for line in tail.split("\n"):
            if begun := _CLAUSE.match(line):
                key = begun[1]
                self.clauses[key] = line[begun.end() :].strip()
            else:
                self.clauses[key] += f" {line.strip()}"
        self.clauses = {name: said.strip() for name, said in self.clauses.items()}


def mend(found: Table, wanted: Table) -> Iterator[Mend]:
    """Return all in which a table or view differs from the wanted one of its name, and what makes it that."""
    if found.text == wanted.text:
        return
    if not (found.is_table and wanted.is_table):
        create = wanted.text if not found.text else re.sub("^CREATE ", "CREATE OR REPLACE ", wanted.text)
        yield wanted.name, found.text, wanted.text, (create,)
        return
    yield from _columns(found, wanted)
    yield from _others(found, wanted)
    yield from _settings(found, wanted)
    for clause, remove in (("TTL", "REMOVE TTL"), ("COMMENT", "MODIFY COMMENT ''")):
        there, said = found.clauses.get(clause, ""), wanted.clauses.get(clause, "")
        if there != said:
            change = f"MODIFY {clause} {said}" if said else remove
            yield f"{wanted.name} {clause}", there, said, (_alter(wanted, change),)
    differing = [clause for clause in _NOT_ALTERED if found.clauses.get(clause) != wanted.clauses.get(clause)]
    if differing:
        was, has_to_be = (
            "\n".join(f"{clause} {table.clauses.get(clause, '')}" for clause in differing) for table in (found, wanted)
        )
        yield f"{wanted.name} {', '.join(differing)}", was, has_to_be, _made_anew(wanted)


def _columns(found: Table, wanted: Table) -> Iterator[Mend]:
    for name in found.columns.keys() - wanted.columns.keys():
        yield f"{wanted.name}.{name}", found.columns[name], "", (_alter(wanted, f"DROP COLUMN {name}"),)
    order = [name for name in found.columns if name in wanted.columns]
    names = list(wanted.columns)
    for place, (name, said) in enumerate(wanted.columns.items()):
        there, after = found.columns.get(name, ""), f"AFTER {names[place - 1]}" if place else "FIRST"
        is_in_place = order[place : place + 1] == [name]
        if not is_in_place:  # queries that write all columns go by their order
            order = [other for other in order if other != name]
            order.insert(place, name)
        if not there:
            yield f"{wanted.name}.{name}", "", said, (_alter(wanted, f"ADD COLUMN {said} {after}"),)
        elif there != said or not is_in_place:
            place_now = "" if is_in_place else f" {after}"
            lost = [f"MODIFY COLUMN {name} REMOVE {what}" for what in _properties(there) - _properties(said)]
            changes = (*sorted(lost), f"MODIFY COLUMN {said}{place_now}")
            shown = said if is_in_place else f"{said} {after}"
            yield f"{wanted.name}.{name}", there, shown, tuple(_alter(wanted, change) for change in changes)


def _properties(column: str) -> set[str]:
    words = _TEXT.sub("''", column).split()
    return {name for name in _PROPERTIES if any(word == name or word.startswith(f"{name}(") for word in words)}


def _others(found: Table, wanted: Table) -> Iterator[Mend]:
    for key in sorted(found.others.keys() | wanted.others.keys()):
        there, said = found.others.get(key, ""), wanted.others.get(key, "")
        if there != said:
            changes = ([f"DROP {key}"] if there else []) + ([f"ADD {said}"] if said else [])
            yield f"{wanted.name} {key}", there, said, tuple(_alter(wanted, change) for change in changes)


def _settings(found: Table, wanted: Table) -> Iterator[Mend]:
    was, has_to_be = (dict(_SETTING.findall(table.clauses.get("SETTINGS", ""))) for table in (found, wanted))
    for name in sorted(was.keys() | has_to_be.keys()):
        there, said = was.get(name, ""), has_to_be.get(name, "")
        if there != said:
            change = f"MODIFY SETTING {name} = {said}" if said else f"RESET SETTING {name}"
            yield f"{wanted.name} SETTING {name}", there, said, (_alter(wanted, change),)


def _made_anew(wanted: Table) -> Statements:
    """Return what copies a table whose engine or key cannot be altered; nobody may write to it meanwhile."""
    name = wanted.full_name
    return (
        wanted.text.replace(f"CREATE TABLE {name}\n", f"CREATE TABLE {name}_anew\n", 1),
        f"INSERT INTO {name}_anew SELECT * FROM {name} SETTINGS max_partitions_per_insert_block = 0",  # noqa: S608 - names of ours
        f"EXCHANGE TABLES {name}_anew AND {name}",
        f"DROP TABLE {name}_anew SYNC",
    )


def _alter(table: Table, change: str) -> str:
    return f"ALTER TABLE {table.full_name} {change}"
