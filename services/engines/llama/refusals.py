"""Say why llama.cpp refuses a request, in words that help a client. Pure."""

from __future__ import annotations

import re
from typing import Any

from services.engines.worker.errors import RequestRefused, out_of_memory

TOO_LARGE = re.compile(r"input \((\d+) tokens\) is too large to process.*batch size: (\d+)\)")
"""How llama.cpp refuses a text that does not fit into one step, which a model that is no language model needs."""

CONTEXT = "exceed_context_size_error"
"""The type of llama.cpp's error for a prompt that is longer than its context."""


OUT_OF_MEMORY = "std::bad_alloc"
"""How the C++ library says that no memory is left."""


def too_long(prompt_tokens: int, context: int) -> dict[str, Any]:
    """Return the error object for a prompt that llama.cpp's own limit would let pass."""
    message = f"The prompt has {prompt_tokens} tokens; the context has {context}."
    return {"type": CONTEXT, "message": message, "n_prompt_tokens": prompt_tokens, "n_ctx": context}


def refusal(error: dict[str, Any]) -> RequestRefused:
    """Return the refusal that llama.cpp's error object means."""
    message = str(error.get("message"))
    if OUT_OF_MEMORY in message:
        return out_of_memory()
    if large := TOO_LARGE.search(message):
        return RequestRefused(message, "context", int(large[1]), int(large[2]))
    if error.get("type") == CONTEXT:
        return RequestRefused(message, "context", error["n_prompt_tokens"], error["n_ctx"])
    return RequestRefused(message, "bad_request" if error.get("code", 500) < 500 else "failed")


def refused(error: ValueError) -> RequestRefused:
    """Return the refusal for what llama.cpp raises before it begins."""
    if OUT_OF_MEMORY in str(error):
        return out_of_memory()
    return RequestRefused(str(error))
