"""Queries that somebody else wrote, on an embedded engine, by which nothing can be changed and nothing else be read.

Rule 1: the engine itself is asked what a text says. It has to be one statement, and what is run is the engine's own
rendering of it, so that nothing can hide behind what we believe to have read.
Rule 2: the statement has to be of a kind on a short list, its table functions on another, and it may not write a file
or call a function that reads one. The engine's syntax tree tells all three.
Rule 3: it runs in a session of its own, with `readonly = 1`, in which the engine refuses writes, other settings and
every table function that leaves the database; limits on time and memory hold besides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import ConfigError, QueryRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS: Final = frozenset(
    {
        "SelectWithUnionQuery",
        "DescribeQuery",
        "ExistsDatabaseQuery",
        "ExistsTableQuery",
        "ExistsViewQuery",
        "Explain",
        "ShowColumns",
        "ShowCreateTableQuery",
        "ShowCreateViewQuery",
        "ShowTables",
    }
)
_TABLE_FUNCTIONS: Final = frozenset(
    {"generateseries", "generate_series", "merge", "null", "numbers", "numbers_mt", "values", "view"}
)
_FORBIDDEN_FUNCTIONS: Final = frozenset({"file", "python", "eval", "filesystemavailable"})

_LIMITS: Final[dict[str, int]] = {
    "max_execution_time": 120,
    "max_memory_usage": 2_000_000_000,
    "max_result_bytes": 512_000_000,
}
_SETTABLE: Final = re.compile(
    r"(?!(?:output_)?format_schema)(?:output_)?format_\w+|date_time_(?:in|out)put_format|join_use_nulls|final"
    r"|cast_string_to_dynamic_use_inference|session_timezone|max_threads"
    r"|max_block_size|max_result_rows|max_rows_to_read|result_overflow_mode|prefer_column_name_to_alias"
    r"|enable_json_type|use_variant_as_common_type"
)
"""Settings that a query may bring along: they change how an answer looks, and not what may be asked."""

_READONLY: Final = 164
_CONSTRAINT: Final = 452
_CODE: Final = re.compile(r"Code: (\d+)\.")
_SETTINGS_OF_CLIENTS: Final = re.compile(r"SELECT name, value, readonly(?: AS readonly)? FROM system\.settings\b.*")
"""How clickhouse-connect asks what it may set. Under `readonly = 1` the answer would be: nothing."""


@dataclass(frozen=True, slots=True)
class Question:
    """A query with all that belongs to it.

    Attributes:
        sql: The text.
        form: The format of the answer where the text names none.
        database: Where tables are looked up.
        parameters: The texts of `{name:Type}` parameters, escaped as in TabSeparated, like ClickHouse takes them.
        settings: What the query brings along.
    """

    sql: str
    form: str = "TabSeparated"
    database: str = "default"
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a query.

    Attributes:
        data: The bytes, in the format.
        form: Its name.
    """

    data: bytes
    form: str


class Reader:
    """Answers queries on the embedded engine of this process. Threads may share it.

    Args:
        directory: The engine's directory, which this process owns.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def answer(self, question: Question) -> Answered:
        """Return the answer to a query.

        Raises:
            QueryRefusedError: It cannot be answered, or must not be.
        """
        session = self._session()
        try:
            sql, form = self._understood(session, question)
            mode = 2 if _SETTINGS_OF_CLIENTS.fullmatch(sql) else 1
            for name, value in question.settings.items():
                if not _SETTABLE.fullmatch(name):
                    msg = f"setting {name} cannot be changed here"
                    raise QueryRefusedError(_CONSTRAINT, msg)
                _run(session, f"SET {name} = {_literal(value)}")
            for name, limit in _LIMITS.items():
                _run(session, f"SET {name} = {limit}")
            for name, value in question.parameters.items():
                _run(session, f"SET param_{name} = {_literal(value)}")
            _run(session, f"USE {_quoted(question.database)}")
            _run(session, f"SET readonly = {mode}")
            return Answered(_run(session, sql, form), form)
        finally:
            session.close()

    def _session(self) -> Any:
        try:
            import chdb
        except ImportError as exc:
            msg = 'an embedded store needs chDB: pip install "otel-llmcost[embedded]"'
            raise ConfigError(msg) from exc
        return chdb.connect(self._directory)

    def _understood(self, session: Any, question: Question) -> tuple[str, str]:
        """Return a query as the engine renders it, without its format, and the format of the answer."""
        _run(session, f"SET param_llmcost_text = {_literal(_escaped(question.sql))}")
        told = _run(session, "SELECT formatQuerySingleLine({llmcost_text:String})", "RawBLOB")
        sql = told.decode("utf-8", "surrogateescape")
        asking = self._session()
        try:
            _run(asking, "SET readonly = 1")
            for name, value in question.parameters.items():
                _run(asking, f"SET param_{name} = {_literal(value)}")
            tree = _run(asking, f"EXPLAIN AST {sql}", "TSVRaw").decode("utf-8", "surrogateescape").splitlines()
        finally:
            asking.close()
        _check(tree)
        return sql, _format_of(tree) or question.form


def _check(tree: list[str]) -> None:
    """Refuse a syntax tree that does more than to ask.

    Raises:
        QueryRefusedError: It does.
    """
    kind = tree[0].split()[0] if tree else ""
    if kind not in _KINDS:
        msg = f"{kind or 'this'} is no query, and only queries are answered here"
        raise QueryRefusedError(_READONLY, msg)
    for line, nested in zip(tree, [*tree[1:], ""], strict=True):
        words = line.split()
        if words[0] == "Function" and words[1].lower() in _FORBIDDEN_FUNCTIONS:
            msg = f"function {words[1]} reads what is not in the store"
            raise QueryRefusedError(_READONLY, msg)
        inner = nested.split()
        if words[0] == "TableExpression" and inner[:1] == ["Function"] and inner[1].lower() not in _TABLE_FUNCTIONS:
            msg = f"table function {inner[1]} reads what is not in the store"
            raise QueryRefusedError(_READONLY, msg)
    if any(_is_child(tree, number, "Literal") for number in range(len(tree))):
        msg = "INTO OUTFILE writes a file, and only queries are answered here"
        raise QueryRefusedError(_READONLY, msg)


def _is_child(tree: list[str], number: int, word: str) -> bool:
    """Tell whether a node is of a kind and stands directly under a whole SELECT, as only its output clauses do."""
    depth = _depth(tree[number])
    if tree[number].split()[0] != word or not depth:
        return False
    above = next(line for line in reversed(tree[:number]) if _depth(line) < depth)
    return above.split()[0] in _KINDS


def _format_of(tree: list[str]) -> str:
    """Return the format that a query names; empty for none."""
    for line in tree:
        if _depth(line) == 1 and line.split()[0] == "Identifier" and tree[0].startswith("SelectWithUnionQuery"):
            return line.split()[1]
    return ""


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _run(session: Any, sql: str, form: str = "Null") -> bytes:
    try:
        return bytes(session.query(sql, form).bytes() or b"")
    except Exception as exc:  # chDB raises RuntimeError and errors of its own
        said = " ".join(str(exc).split())
        code = _CODE.search(said)
        raise QueryRefusedError(int(code[1]) if code else 0, said) from exc


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def _escaped(text: str) -> str:
    """Return a text as TabSeparated has it."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
