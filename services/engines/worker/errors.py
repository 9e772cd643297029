"""Define the refusals of a worker; the parent turns them into `ServiceError`s. Standard library only.

::

    Exception
      LoadFailed        the model cannot be loaded
      RequestRefused    the request cannot be run; the model stays loaded
"""

from __future__ import annotations

NO_TOKEN = "One of the numbers is the id of no token of this model. Send ids of its own tokenizer."
"""For a request about tokens."""


class LoadFailed(Exception):
    """Say why the model cannot be loaded, and what to do."""

    def __init__(self, message: str, kind: str = "failed") -> None:
        """Take the sentence; `kind` is ``unavailable`` where the model could be loaded here at another time."""
        super().__init__(message)
        self.kind = kind


class RequestRefused(Exception):
    """Say why the request cannot be run, and what to do; the worker goes on, but for the kind ``failed``."""

    def __init__(self, message: str, kind: str = "bad_request", prompt_tokens: int = 0, limit: int = 0) -> None:
        """Take the sentence; `kind` is one of ``error`` lines, the counts (tokens) are for the kind ``context``."""
        super().__init__(message)
        self.kind, self.prompt_tokens, self.limit = kind, prompt_tokens, limit


def out_of_memory() -> RequestRefused:
    """Return the refusal for a request that took all the memory its engine may have; the engine is started anew."""
    return RequestRefused(
        "The request took more memory than an engine may have, so the engine is started anew. A schema that is too "
        "large or a faulty chat template of the model are the usual causes.",
        "failed",
    )
