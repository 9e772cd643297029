"""Judge schemas and answers in a process of its own: one order from stdin, one verdict to stdout, both JSON lines.

A client's schema can make a compiler or a validator slow, hungry or dead. So the process limits itself before it reads.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

from services.chat.schemas.compile import Unusable, compiled
from services.chat.schemas.match import Unsatisfied, matching_json

CPU_SECONDS = 2
"""Limit of its CPU time. Of 400 real schemas one takes longer, and the others less than 0.2 s. The next waits."""

MEMORY = 1024**3
"""Limit of its address space, in bytes. It begins with a fifth of it."""


def limit() -> None:
    """Limit this process. At the end of its CPU time, the kernel kills it."""
    for kind, value in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))


def verdict(order: dict[str, Any]) -> Any:
    """Return the verdict of an order, as `answering.judge` asks for it."""
    if order["op"] == "match":
        return [match(text, schema) for text, schema in order["answers"]]
    try:
        found = compiled(order["calls"], order["answer"])
    except Unusable as error:
        return {"fault": error.fault, "reason": error.reason, "tool": error.tool}
    return {"rules": found.rules, "complete": found.complete}


def match(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON in `text` that satisfies `schema`, or the complaint."""
    try:
        return {"json": matching_json(text, schema)}
    except Unsatisfied as error:
        return {"complaint": str(error)}


if __name__ == "__main__":
    limit()
    print(json.dumps(verdict(json.loads(sys.stdin.readline()))), flush=True)
