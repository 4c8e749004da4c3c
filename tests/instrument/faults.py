"""Finds the places where our own code may fail while an application runs, and has it fail there.

A *seam* is a call of one function of ours by another. What the application or an SDK calls is none: to have it called
is their doing. Seams are found by tracing a healthy run, and a fault is put into one by tracing too: what a trace
function raises when a function is entered, its caller gets.

A call of a *guard* is no seam either. A guard is a function that cannot fail: whatever might is inside of its own
`try … except Exception`, and outside of it stand only names, comparisons, and calls of functions of ours, each of
which is a seam itself (or of the function that is wrapped, whose errors are the application's). The source says which
functions are guards, so a guard that stops being one is found here and no list needs to be kept.
"""

from __future__ import annotations

import ast
import dis
import functools
import gc
import inspect
import re
import sys
import textwrap
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import otel_llmcost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

_OURS = Path(otel_llmcost.__file__).parent


class Seam(NamedTuple):
    """A call of one function of ours by another."""

    caller: CodeType
    called: CodeType

    def __str__(self) -> str:
        caller, called = (f"{Path(code.co_filename).stem}.{code.co_qualname}" for code in self)
        return f"{caller} calls {called}"


class InjectedError(RuntimeError):
    """What our code fails with."""


# --- faults ---


def seams_of(run: Callable[[], Any], *, in_threads: bool = False) -> dict[Seam, int]:
    """Return the seams that a run passes, in the order in which it comes to them, and how often it passes each.

    Args:
        run: What passes them.
        in_threads: Whether those of the threads that it starts are among them.
    """
    found: dict[Seam, int] = {}

    def note(frame: FrameType, _event: str, _arg: Any) -> None:
        caller = frame.f_back
        if _is_ours(frame.f_code) and caller is not None and _is_ours(caller.f_code) and _is_entered(frame):
            seam = Seam(caller.f_code, frame.f_code)
            found[seam] = found.get(seam, 0) + 1

    with _traced(note, in_threads=in_threads):
        run()
    return {seam: times for seam, times in found.items() if not _is_guard(seam.called)}


def failing_at(seam: Seam, run: Callable[[], Any], *, time: int = 1, in_threads: bool = False) -> tuple[Any, bool]:
    """Return what a run gives whose first call at a seam fails, or a later one, and whether it came there."""
    is_met = False
    left = time

    def fail(frame: FrameType, _event: str, _arg: Any) -> None:
        nonlocal is_met, left
        if is_met or frame.f_code is not seam.called or frame.f_back is None:
            return
        if frame.f_back.f_code is seam.caller and _is_entered(frame):
            left -= 1
            if left == 0:
                is_met = True
                raise InjectedError(str(seam))

    with _traced(fail, in_threads=in_threads):
        result = run()
    return result, is_met


@contextmanager
def _traced(trace: Callable[[FrameType, str, Any], None], *, in_threads: bool) -> Iterator[None]:
    before, before_in_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(trace)
    if in_threads:
        threading.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        threading.settrace(before_in_threads)  # type: ignore[arg-type]  # None is what it was


def _is_entered(frame: FrameType) -> bool:
    """Whether a frame begins here: a generator that goes on, if only to be closed, is traced as if it were called."""
    return frame.f_lasti <= _start_of(frame.f_code)


@functools.cache
def _start_of(code: CodeType) -> int:
    return next(each.offset for each in dis.get_instructions(code) if each.opname == "RESUME")


@functools.cache
def _is_ours(code: CodeType) -> bool:
    return Path(code.co_filename).is_relative_to(_OURS)


def forgetting() -> Callable[[], None]:
    """Return what has the caches of our functions forget, so that what runs once in a process runs again."""
    caches = [
        each
        for each in gc.get_objects()
        if type(each) is functools._lru_cache_wrapper  # isinstance would have lazy modules imported
        and each.__module__.startswith(otel_llmcost.__name__)
    ]

    def forget() -> None:
        for cache in caches:
            cache.cache_clear()

    return forget


# --- guards ---

_HARMLESS = {
    *("isinstance", "super", "original", "held", "in_progress.get", "losses['fault']"),
    *("_work_lock.acquire", "_work_lock.release", "in_progress.reset", "_context_token.var.reset"),
}
"""What a guard may do besides: what is wrapped is called `original` everywhere, what waits for an answer `held`."""


@functools.cache
def _is_guard(code: CodeType) -> bool:
    """Whether a function is written such that nothing but what it calls of ours can fail in it."""
    if code.co_name.startswith("<"):  # a lambda or a comprehension
        return False
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(code))).body
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    foreign = {each.arg for each in given if each.annotation is not None and "Any" in ast.unparse(each.annotation)}
    return all(_is_harmless(statement, foreign) for statement in function.body)


@functools.cache
def _names_of_ours() -> frozenset[str]:
    """Return how functions of ours are called. Whole trees, kept, would make each garbage collection long."""
    return frozenset(name for path in _OURS.rglob("*.py") for name in re.findall(r"def (\w+)\(", path.read_text()))


def _is_harmless(node: ast.AST, foreign: set[str]) -> bool:
    """Whether a part of a function cannot fail. What is `foreign`, typed Any, may lack an attribute or an equality."""
    match node:
        case ast.Try() if _catches_all(node):
            parts = [*node.orelse, *node.finalbody, *(part for handler in node.handlers for part in handler.body)]
        case ast.Attribute(value=ast.Name(id=name)) if name in foreign:
            return False
        case ast.Subscript() if ast.unparse(node) in _HARMLESS:
            return True
        case ast.Compare() if not all(isinstance(each, ast.Is | ast.IsNot) for each in node.ops):
            if any(isinstance(part, ast.Name) and part.id in foreign for part in ast.walk(node)):
                return False
            parts = [node.left, *node.comparators]
        case ast.AnnAssign():
            parts = [node.value] if node.value else []
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            called = ast.unparse(node.func).removeprefix("self.")
            if name not in _HARMLESS | _names_of_ours() and called not in _HARMLESS:
                return False
            parts = list(ast.iter_child_nodes(node))
        case _ if isinstance(node, _HARMLESS_NODES):
            parts = list(ast.iter_child_nodes(node))
        case _:
            return False
    return all(_is_harmless(part, foreign) for part in parts)


def _catches_all(node: ast.Try) -> bool:
    """Whether a `try` lets nothing out that is an Exception."""
    last = node.handlers[-1] if node.handlers else None
    is_all = last is not None and last.type is not None and ast.unparse(last.type) == "Exception"
    return is_all and not any(isinstance(part, ast.Raise) for handler in node.handlers for part in ast.walk(handler))


_HARMLESS_NODES = (
    *(ast.Expr, ast.Return, ast.If, ast.Assign, ast.AugAssign, ast.Raise, ast.Try, ast.ExceptHandler, ast.Pass),
    *(ast.Name, ast.Constant, ast.Attribute, ast.NamedExpr, ast.Compare, ast.BoolOp, ast.IfExp, ast.UnaryOp, ast.Not),
    *(ast.And, ast.Or, ast.Is, ast.IsNot, ast.Load, ast.Store, ast.operator, ast.Tuple, ast.Dict, ast.Starred),
    *(ast.keyword, ast.Await, ast.JoinedStr, ast.FormattedValue),
)
