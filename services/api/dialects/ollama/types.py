"""Define what clients of Ollama's API may send. Unknown fields are tolerated; known ones must have their type.

A field set to null means the same as a field left out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.api.dialects.common.bounds import (
    MaxItems,
    StopList,
    TopLogprobs,
)
from services.api.dialects.common.tools import ToolList
from services.core.sampling import Natural, Sampling

Tokens = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Think = bool | Literal["low", "medium", "high", "max"]
Format = dict[str, Any] | Literal["json", ""]


class OllamaOptions(Sampling, frozen=True, kw_only=True):
    """The ``options`` of a request: all sampling parameters, where a seed of -1 asks for none, and more.

    Those of the type `Any` have no effect; a warning names them.
    """

    num_predict: Tokens | None = None
    """0 and less ask for as many as fit the context."""
    stop: str | StopList | None = None
    num_ctx: Tokens | None = None

    num_keep: Any = None
    num_batch: Any = None
    num_gpu: Any = None
    main_gpu: Any = None
    num_thread: Any = None
    draft_num_predict: Any = None
    numa: Any = None
    low_vram: Any = None
    f16_kv: Any = None
    use_mmap: Any = None
    use_mlock: Any = None
    repeat_last_n: Any = None
    typical_p: Any = None
    tfs_z: Any = None
    mirostat: Any = None
    mirostat_tau: Any = None
    mirostat_eta: Any = None
    penalize_newline: Any = None


class OllamaFunctionCall(Struct):
    """A function, and its arguments as an object."""

    name: str
    arguments: dict[str, Any] = {}
    index: int | None = None


class OllamaRequestToolCall(Struct):
    """A call that an earlier answer made."""

    function: OllamaFunctionCall
    id: str | None = None


class OllamaRequestMessage(Struct):
    """A message of a chat."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: list[Any] | None = None
    tool_calls: list[OllamaRequestToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class OllamaRequest(Struct, kw_only=True):
    """What all requests to a model share."""

    model: str | None = None
    keep_alive: float | str | None = None
    """Seconds, or a duration as Go writes it (``5m``, ``1h30m``); negative: for ever."""
    options: OllamaOptions | None = None


class OllamaAnswerRequest(OllamaRequest, kw_only=True):
    """What requests for an answer share."""

    stream: bool | None = None
    format: Format | None = None
    think: Think | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    truncate: bool | None = None
    shift: bool | None = None


class OllamaChatRequest(OllamaAnswerRequest, kw_only=True):
    """``POST /api/chat``."""

    messages: Annotated[list[OllamaRequestMessage], MaxItems] | None = None
    tools: ToolList | None = None


class OllamaGenerateRequest(OllamaAnswerRequest, kw_only=True):
    """``POST /api/generate``."""

    prompt: str | None = None
    system: str | None = None
    raw: bool | None = None
    suffix: str | None = None
    template: str | None = None
    context: list[int] | None = None
    images: list[Any] | None = None
    width: Any = None
    height: Any = None
    steps: Any = None


class OllamaEmbedRequest(OllamaRequest, kw_only=True):
    """``POST /api/embed``."""

    input: str | list[str]
    truncate: bool | None = None
    dimensions: Natural | None = None


class OllamaEmbeddingsRequest(OllamaRequest, kw_only=True):
    """``POST /api/embeddings``, the older of the two."""

    prompt: str | None = None


class OllamaModelRequest(Struct, kw_only=True):
    """Requests about a model: ``show``, ``pull``, ``delete``. `name` is the older spelling."""

    model: str | None = None
    name: str | None = None
    stream: bool | None = None
