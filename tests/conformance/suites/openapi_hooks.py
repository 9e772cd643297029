"""For schemathesis: generated requests, tamed until most of them are answered and not refused.

What a request is about stays; of its options a few stay, chosen by the request itself, so that a run can be repeated.
"""

import random
from typing import Any

import schemathesis

ABOUT = {"messages", "prompt", "input", "query", "documents", "tokens", "max_tokens", "text_1", "text_2", "suffix"}
OPTIONS = 2


def plain(value: Any) -> Any:
    """Without NUL, which is refused everywhere."""
    match value:
        case str():
            return value.replace("\0", "")
        case list():
            return [plain(item) for item in value]
        case dict():
            return {plain(name): plain(item) for name, item in value.items()}
    return value


def message(said: Any) -> dict[str, Any]:
    """A user's message; its content as it is where it is text."""
    content = said.get("content") if isinstance(said, dict) else said
    return {"role": "user", "content": content if isinstance(content, str) else "text"}


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    chance = random.Random(repr(body))
    options = sorted(name for name in body if name not in ABOUT | {"model", "name"})
    kept = ABOUT | set(chance.sample(options, min(OPTIONS, len(options))))
    found = {name: plain(value) for name, value in body.items() if name in kept}
    if isinstance(found.get("messages"), list):
        found["messages"] = [message(said) for said in found["messages"]] or [message("text")]
    return {**found, "model": "fake"}


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    return {name: "fake" if name == "name" else value for name, value in (path_parameters or {}).items()}
