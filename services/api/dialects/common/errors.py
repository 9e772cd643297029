"""Write errors in OpenAI's shape, which several dialects share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from services.api.dialects.common.schema import AnswerStruct
from services.core.errors import ServiceError


class ErrorDetail(AnswerStruct):
    """What is wrong, and with which field of the request."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(AnswerStruct):
    """An error as OpenAI's clients read it."""

    error: ErrorDetail


@contextmanager
def renamed(fields: Mapping[str, str]) -> Iterator[None]:
    """Name the field at fault of an error as the path calls it: what is below the dialects knows the names of chats."""
    try:
        yield
    except ServiceError as error:
        error.param = error.param and fields.get(error.param, error.param)
        raise


def error_body(error: ServiceError) -> Error:
    """Return the body of an error."""
    return Error(error=ErrorDetail(message=error.message, type=error.type, param=error.param, code=error.code))
