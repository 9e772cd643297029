"""For pytest: llama.cpp's own server tests, sent to a server that runs already.

The tests start llama-server with options and ask it for many things of its own. This plugin starts nothing. It skips
what needs such options or asks for a path of llama.cpp's own, and the tests that compare the words of their own model.
"""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

# Their helpers import it to download models; nothing is downloaded here.
sys.modules["wget"] = types.ModuleType("wget")

import utils  # noqa: E402  (theirs; it lies beside the tests)

OWN_PATHS = {"/completion", "/props", "/slots", "/apply-template", "/infill", "/tokenize", "/detokenize", "/metrics"}
OWN_PATHS |= {"/lora-adapters", "/v1/stream", "/chat/completions/input_tokens"}

OWN_OPTIONS = ("chat_template", "chat_template_file", "debug", "cors_origins", "model_tags", "lora_files", "media_path")

OWN_FILES = {
    "compat_gcp": "Google's prediction protocol", "ignore_eos": "llama.cpp's /completion", "infill": "/infill",
    "kv_keep_only_active": "llama.cpp's slots", "lora": "adapters", "mcp_servers": "llama.cpp's MCP client",
    "metrics": "the names of llama.cpp's own metrics", "proxy": "llama.cpp's proxy", "router": "llama.cpp's router",
    "sleep": "llama.cpp's sleep", "slot_save": "saved slots", "speculative": "a draft model",
    "stream": "llama.cpp's resumable streams", "template": "/apply-template",
    "tokenize": "llama.cpp's shape of /tokenize", "tools_builtin": "tools that llama.cpp runs itself",
    "vision_api": "a model that sees",
}  # fmt: skip
"""What each file needs that is not here."""

WORDS = "The test compares words, counts or the fingerprint of its own model and build."
OWN_FIELDS = "The test reads fields that only llama.cpp adds."
OWN_ERROR = "The test wants llama.cpp's own words or type in an error; this server has OpenAI's."
TOO_FEW = "The limit of the test is too few tokens for the vocabulary of this model."
GRAMMAR = "`grammar` is llama.cpp's own language; this server ignores it and says so in X-RKLLM-Warning."
TEI = "`texts` and a bare list are the shape of another server, text-embeddings-inference."
PARALLEL = "The test counts llama.cpp's parallel slots."
ORIGINS = "llama.cpp reflects every origin together with credentials; here the owner lists origins (`cors_origins`)."
INPUTS = "llama.cpp takes an empty text, objects, and ids mixed with strings; OpenAI and this server refuse them."
POOLING = "llama-server is started with `--pooling none`."
ONE_MODEL = "llama-server has one model, and lists its tags; this server lists two."
PICTURES = "llama.cpp answers 500 to a picture that its model cannot see; this server answers 400."

WITHOUT = {
    "test_server_multiple_addresses": "llama-server listens at several addresses.",
    "test_server_models": ONE_MODEL,
    "test_server_model_aliases_and_tags": ONE_MODEL,
    "test_no_ui": "llama.cpp's own page is at `/`.",
    "test_access_static_assets_without_api_key": "llama.cpp's own page is at `/`.",
    "test_chat_completion[": WORDS,
    "test_chat_completion_cached_tokens": WORDS,
    "test_chat_completion_stream[": WORDS,
    "test_chat_completion_with_openai_library": WORDS,
    "test_completion_with_openai_library": WORDS,
    "test_completion_stream_with_openai_library": WORDS,
    "test_responses_with_openai_library": WORDS,
    **{f"test_completion_with_response_format[response_format{n}-": TOO_FEW for n in (0, 2)},
    "test_completion_with_response_format[response_format1-": "A list in `items` is an older JSON Schema; here a 400.",
    **{f"test_completion_with_{kind}grammar": GRAMMAR for kind in ("", "invalid_")},
    "test_anthropic_messages_streaming": "The counts come with the end of a stream, and are 0 in `message_start`.",
    "test_invalid_chat_completion_req[messages5]": "A number as `content` is read as its text.",
    "test_invalid_chat_completion_req[messages7]": "A history with two answers at its end goes on here.",
    "test_rerank_usage": WORDS,
    "test_chat_completion_with_timings_per_token": OWN_FIELDS,
    "test_return_progress": OWN_FIELDS,
    "test_verbose_debug": OWN_FIELDS,
    "test_responses_stream_with_llama_telemetry": OWN_FIELDS,
    "test_correct_api_key": "/completions without /v1 is llama.cpp's own there, with `content` in the answer.",
    "test_logprobs_stream": "llama.cpp begins with `content: null`; OpenAI and this server begin with an empty text.",
    "test_context_size_exceeded": OWN_ERROR,
    "test_embedding_error_prompt_too_long": OWN_ERROR,
    "test_completion_parallel_slots": PARALLEL,
    "test_completion_unified": PARALLEL,
    "test_rerank_tei": TEI,
    "test_cors": ORIGINS,
    "test_local_media_file": "llama-server reads pictures from a folder.",
    "test_anthropic_tool_result_with_image": PICTURES,
    "test_anthropic_vision_format_accepted": PICTURES,
    "test_anthropic_vision_base64_with_multimodal_model": "The test downloads a model that sees.",
    "test_anthropic_empty_messages": "llama.cpp answers an empty conversation; Anthropic and this server refuse it.",
    "test_embedding_mixed_input[-False]": INPUTS,
    **{f"test_embedding_mixed_input[input{n}-": INPUTS for n in (3, 7, 8, 9, 10)},
    "test_embedding_content_text_same_as_string": INPUTS,
    "test_embedding_pooling_none": POOLING,
}
"""Why tests do not apply, by the beginnings of their names."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if reason := reason_against(item):
            item.add_marker(pytest.mark.skip(reason=reason))


def reason_against(item: pytest.Item) -> str:
    if needed := OWN_FILES.get(item.path.stem.removeprefix("test_")):
        return f"The file needs {needed}."
    if item.get_closest_marker("slow"):
        return "The test is marked slow: it downloads a model."
    return next((reason for name, reason in WITHOUT.items() if item.name.startswith(name)), "")


def start(server: Any, timeout_seconds: int = 0) -> None:
    """Start nothing; skip the test if its server would differ from ours."""
    options = [name for name in OWN_OPTIONS if getattr(server, name)]
    if options:
        pytest.skip(f"llama-server is started with {options[0]}.")


url = utils.ServerProcess.make_url


def checked_url(server: Any, path: str, host: str | None = None) -> str:
    """Return the URL of a path that others have too; skip the test otherwise."""
    if path.partition("?")[0] in OWN_PATHS:
        pytest.skip(f"{path} is llama.cpp's own path.")
    return str(url(server, path, host))


utils.ServerPreset.load_all = staticmethod(lambda: None)
utils.ServerProcess.start = start
utils.ServerProcess.make_url = checked_url
