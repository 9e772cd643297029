"""Have schemas compiled and answers checked, in a process of their own whose time and memory are limited.

Nothing else in the server works on the inside of a client's schema, but for `chat.schemas.bounds`.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from services.core.errors import EngineFailed, Unavailable
from services.engines.worker.child import Child
from services.engines.worker.process import worker_argv, worker_env

WAIT = 60.0
"""Seconds for a verdict. The process has a limit of CPU time; this one is for machines that have none to spare."""

TURN_WAIT = 30.0
"""Seconds that one waits until the processes of others have ended."""

_compiling, _matching = threading.Lock(), threading.Lock()
"""Each is held while a process runs, since many together would have no limit of memory or of CPU time. There are two,
so that the end of an answer does not wait for the schemas of others."""

_own_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""By the names of keys: held while a schema of that key waits or is compiled, so that nobody has more than one in the
line, and whoever sends many costly ones keeps no other key waiting."""


class TooCostly(Exception):
    """The schema, or the answer, took more time or memory than the process may have."""


class Verdict(msgspec.Struct, frozen=True):
    """What the compiler says of the schemas of an answer."""

    rules: str = ""
    """The rules of the grammar (`chat.tools.grammar`); empty if there is none."""
    complete: bool = False
    """Whether the grammar enforces all of the schemas."""
    fault: str = ""
    """Why a schema cannot be used: ``invalid``, ``unsatisfiable``, ``no_grammar``, ``costly``; empty if it can."""
    reason: str = ""
    """The fault in words."""
    tool: str = ""
    """The tool whose schema is at fault; empty for that of the answer."""


class Match(msgspec.Struct, frozen=True):
    """What the validator says of one answer."""

    json: str | None = None
    """The JSON in the answer that satisfies its schema; None if there is none."""
    complaint: str = ""
    """What is wrong otherwise."""


def compile_schemas(calls: Mapping[str, dict[str, Any]], answer: dict[str, Any] | None, owner: str = "") -> Verdict:
    """Return the verdict on an answer that is a call with arguments of `calls`, or JSON of `answer`.

    `owner` is the name of the key that asks. Blocks for a tenth of a second, at most for twice `TURN_WAIT` and `WAIT`;
    not at all for schemas that it saw lately. Raises `Unavailable` and `EngineFailed`.
    """
    return _compile(json.dumps({"op": "compile", "calls": calls, "answer": answer}), owner)


@lru_cache(maxsize=32)
def _compile(order: str, owner: str) -> Verdict:
    try:
        with _turn(_own_turns[owner]):
            return msgspec.json.decode(_ask(_compiling, order), type=Verdict)
    except TooCostly:
        return Verdict(fault="costly", reason="it takes too much time or memory")


def match_answers(answers: Sequence[tuple[str, dict[str, Any]]]) -> list[Match]:
    """Return what the validator says of each text and its schema. Blocks for at most `TURN_WAIT` and `WAIT`.

    Raises as `compile_schemas` does, and `TooCostly`.
    """
    order = json.dumps({"op": "match", "answers": answers})
    return msgspec.json.decode(_ask(_matching, order), type=list[Match])


def _ask(lock: threading.Lock, order: str) -> bytes:
    with _turn(lock):
        child = Child(worker_argv("services.answering.judge_process"), worker_env(), "judge")
        try:
            child.send(order.encode())
            line = next(child.lines(WAIT))
        except EngineFailed as error:
            raise TooCostly from error
        finally:
            child.kill()
    if line is None:
        raise _busy()
    return line


@contextlib.contextmanager
def _turn(lock: threading.Lock) -> Iterator[None]:
    if not lock.acquire(timeout=TURN_WAIT):
        raise _busy()
    try:
        yield
    finally:
        lock.release()


def _busy() -> Unavailable:
    return Unavailable("The server is too busy to check a schema. Try again in a minute.")
