"""Show notices in the headers of a response."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TypeVar

import falcon

from services.core.events import Notice, NoticeKind, Waiting

WARNING_HEADER = "X-RKLLM-Warning"

HEADERS: Mapping[NoticeKind, str] = {
    "warning": WARNING_HEADER,
    "state": "X-RKLLM-State",
    "sources": "X-RKLLM-RAG",
    "cache": "X-RKLLM-Cache",
}
"""The header of each kind of notice."""

T = TypeVar("T")

ShowNotice = Callable[[Notice], None]
"""Shows a notice: `show_notice` of one response."""


def show_notice(resp: falcon.Response, notice: Notice) -> None:
    """Set the header of a notice. Warnings are joined; of the other kinds the newest one counts."""
    name = HEADERS[notice.kind]
    # Each warning is about something else; of a state only the last one is true.
    before = resp.get_header(name) if name == WARNING_HEADER else None
    resp.set_header(name, f"{before}; {notice.value}" if before else notice.value)


def warn(req: falcon.Request, text: str) -> None:
    """Note a warning for the response of `req`, before there is a response to show it in."""
    req.context.notices.append(Notice("warning", text))


def run_to_end(resp: falcon.Response, work: Generator[Notice | Waiting, None, T]) -> T:
    """Run `work` to its end, show its notices and return its result. Blocks; raises what `work` raises."""
    while True:
        try:
            event = next(work)
        except StopIteration as end:
            result: T = end.value
            return result
        if isinstance(event, Notice):
            show_notice(resp, event)
