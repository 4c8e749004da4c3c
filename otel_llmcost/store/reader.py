"""Queries that somebody else wrote, on an embedded engine, by which nothing can be changed and nothing else be read.

Rule 1: the engine itself is asked what a text says. It has to be one statement, and what is run is the engine's own
rendering of it, so that nothing can hide behind what we believe to have read.
Rule 2: the statement has to be of a kind on a short list, its tables and table functions on others, and it may not
write a file or name a function that reads one. The engine's syntax tree tells all of it; what a tree leaves out (the
function of an APPLY, the condition of a SHOW) is refused.
Rule 3: it runs in a session of its own, with `readonly = 1`, in which the engine refuses writes, other settings and
every table function that leaves the database; limits on time and memory hold besides. Names that come with a query
are put into statements only where they are plain words.
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
_OPAQUE: Final = frozenset({"ShowColumns", "ShowTables"})
"""Kinds whose tree does not tell all that they say."""

_TABLE_FUNCTIONS: Final = frozenset(
    {"generateseries", "generate_series", "null", "numbers", "numbers_mt", "values", "view"}
)
_FORBIDDEN_FUNCTIONS: Final = frozenset(
    {
        *("file", "python", "eval", "evalmlmethod", "catboostevaluate"),
        *("filesystemavailable", "filesystemcapacity", "filesystemunreserved"),
        *("hascolumnintable", "joinget", "joingetornull"),  # they name a table by a text
        *("aiclassify", "aiembed", "aiextract", "aifilter", "aigenerate", "airedact", "aisimilarity", "aitranslate"),
    }
)
_NAMING: Final = frozenset({"Function", "Identifier"})
"""A function that is handed to another, as in `arrayMap(file, paths)`, is an identifier in the tree."""

_SYSTEM_TABLES: Final = frozenset(
    {
        *("build_options", "collations", "columns", "data_skipping_indices", "data_type_families", "databases"),
        *("dictionaries", "disks", "formats", "functions", "keywords", "merge_tree_settings", "mutations", "numbers"),
        *("numbers_mt", "one", "parts", "processes", "settings", "table_engines", "table_functions", "tables"),
        *("time_zones", "view_refreshes", "zeros", "zeros_mt"),
    }
)
_SCHEMATA: Final = "information_schema"
_OF_FILES: Final = "default"
"""The database of the embedded engine whose tables are the files of this machine, by their paths."""

_PLAIN_SHOW: Final = re.compile(
    r"SHOW [A-Z ]+?(?: FROM `?\w+`?){0,2}(?: (?:NOT )?I?LIKE '(?:[^'\\]|\\.)*')?(?: LIMIT \d+)?(?: FORMAT \w+)?"
)
_WORD: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_FILE_QUOTING_FORMATS: Final = re.compile(r"(?i)template|capnproto|protobuf|avro|schema")
"""Formats that open a file which a setting names, and settings that name one: the error quotes what is in it."""

_LIMITS: Final[dict[str, int]] = {
    "max_execution_time": 120,
    "max_memory_usage": 2_000_000_000,
    "max_result_bytes": 512_000_000,
}
_SETTABLE: Final = re.compile(
    r"(?:output_)?format_\w+|date_time_(?:in|out)put_format|join_use_nulls|final"
    r"|cast_string_to_dynamic_use_inference|session_timezone|max_threads"
    r"|max_block_size|max_result_rows|max_rows_to_read|result_overflow_mode|prefer_column_name_to_alias"
    r"|enable_json_type|use_variant_as_common_type"
)
"""Settings that a query may bring along: they change how an answer looks, and not what may be asked."""

_READONLY: Final = 164
_CONSTRAINT: Final = 452
_SYNTAX: Final = 62
_CODE: Final = re.compile(r"Code: (\d+)\.")
_SETTINGS_OF_CLIENTS: Final = re.compile(
    r"SELECT name, value, readonly(?: AS readonly)? FROM system\.settings(?: LIMIT \d+)?(?: FORMAT \w+)?"
)
"""How clickhouse-connect asks what it may set, to the letter. Under `readonly = 1` the answer would be: nothing."""


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
        database: The store's own, beside which only some tables of the engine's may be read.
    """

    def __init__(self, directory: str, database: str) -> None:
        self._directory, self._database = directory, database

    def answer(self, question: Question) -> Answered:
        """Return the answer to a query.

        Raises:
            QueryRefusedError: It cannot be answered, or must not be.
        """
        self._check_names(question)
        session = self._session()
        try:
            sql, form = self._understood(session, question)
            mode = 2 if _SETTINGS_OF_CLIENTS.fullmatch(sql) else 1
            for name, value in question.settings.items():
                _run(session, f"SET {name} = {_literal(value)}")
            for name, limit in _LIMITS.items():
                _run(session, f"SET {name} = {limit}")
            for name, value in question.parameters.items():
                _run(session, f"SET param_{name} = {_literal(value)}")
            _run(session, f"USE {_quoted(self._database_of(question))}")
            _run(session, f"SET readonly = {mode}")
            return Answered(_run(session, sql, form), form)
        finally:
            session.close()

    def _database_of(self, question: Question) -> str:
        return self._database if question.database == _OF_FILES else question.database

    def _check_names(self, question: Question) -> None:
        """Refuse names that are no plain words, settings that allow more, and databases of others.

        Raises:
            QueryRefusedError: There is one.
        """
        for name in question.settings:
            if not _WORD.fullmatch(name) or not _SETTABLE.fullmatch(name) or _FILE_QUOTING_FORMATS.search(name):
                msg = f"setting {name} cannot be changed here"
                raise QueryRefusedError(_CONSTRAINT, msg)
        for name in question.parameters:
            if not _WORD.fullmatch(name):
                msg = f"{name!r} is no name of a parameter"
                raise QueryRefusedError(_SYNTAX, msg)
        if self._database_of(question).lower() not in (self._database.lower(), "system", _SCHEMATA):
            msg = f"database {question.database} is not the store's"
            raise QueryRefusedError(_READONLY, msg)

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
        rendered = _run(session, "SELECT formatQuerySingleLine({llmcost_text:String})", "RawBLOB")
        sql = rendered.decode("utf-8", "surrogateescape")
        asking = self._session()
        try:
            _run(asking, "SET readonly = 1")
            for name, value in question.parameters.items():
                _run(asking, f"SET param_{name} = {_literal(value)}")
            told = _run(asking, f"EXPLAIN AST {sql}", "TSVRaw").decode("utf-8", "surrogateescape")
        finally:
            asking.close()
        tree = [line for line in told.splitlines() if line.strip()]
        _check(tree)
        _check_tables(tree, self._database_of(question), self._database)
        if tree[0].split()[0] in _OPAQUE and not _PLAIN_SHOW.fullmatch(sql):
            msg = "SHOW takes FROM, LIKE and LIMIT here, and nothing else"
            raise QueryRefusedError(_READONLY, msg)
        form = _format_of(tree) or question.form
        if not _WORD.fullmatch(form) or _FILE_QUOTING_FORMATS.search(form):
            msg = f"format {form} reads what is not in the store"
            raise QueryRefusedError(_READONLY, msg)
        return sql, form


def _check(tree: list[str]) -> None:
    """Refuse a syntax tree that does more than to ask.

    Raises:
        QueryRefusedError: It does.
    """
    kind = tree[0].split()[0] if tree else ""
    if kind not in _KINDS or tree[0].startswith("Explain EXPLAIN TABLE OVERRIDE"):  # which asks a server elsewhere
        msg = f"{kind or 'this'} is no query, and only queries are answered here"
        raise QueryRefusedError(_READONLY, msg)
    for line, nested in zip(tree, [*tree[1:], ""], strict=True):
        words = line.split()
        if words[0] == "ColumnsApplyTransformer":
            raise QueryRefusedError(_READONLY, "APPLY is not answered here: call the function on each column")
        if words[0] in _NAMING and words[1].lower() in _FORBIDDEN_FUNCTIONS:
            msg = f"function {words[1]} reads what is not in the store"
            raise QueryRefusedError(_READONLY, msg)
        inner = nested.split()
        if words[0] == "TableExpression" and inner[:1] == ["Function"] and inner[1].lower() not in _TABLE_FUNCTIONS:
            msg = f"table function {inner[1]} reads what is not in the store"
            raise QueryRefusedError(_READONLY, msg)
    if any(_is_child(tree, number, "Literal") for number in range(len(tree))):
        msg = "INTO OUTFILE writes a file, and only queries are answered here"
        raise QueryRefusedError(_READONLY, msg)


def _check_tables(tree: list[str], current: str, own: str) -> None:
    """Refuse tables that are neither the store's nor among those by which the engine describes itself.

    A name alone is one of the current database, or one that the query itself gives.

    Raises:
        QueryRefusedError: There is one.
    """
    for line in tree:
        kind, _, name = line.strip().partition(" ")
        if kind == "TableIdentifier":
            database, dot, table = name.partition(" (alias ")[0].rpartition(".")
            place = database if dot else current
            is_known = place == own or place.lower() == _SCHEMATA or (place == "system" and table in _SYSTEM_TABLES)
            is_known = is_known and "/" not in name
        else:  # `x IN name` names a table too, as EXISTS and SHOW CREATE do
            database, _, table = name.partition(" (alias ")[0].partition(".")
            is_known = kind != "Identifier" or (
                database != _OF_FILES and (database != "system" or table.partition(".")[0] in _SYSTEM_TABLES | {""})
            )
        if not is_known:
            msg = f"table {name} is not in the store"
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
