"""What Ollama clients may send, typed. Unknown fields are tolerated; known ones must have their type.

A field set to null means the same as a field left out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.api.dialects.common.bounds import (
    Most,
    Natural,
    Penalty,
    Probability,
    RepeatPenalty,
    Seed,
    StopList,
    Temperature,
    TopLogprobs,
)
from services.api.dialects.common.tools import ToolList

Tokens = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Think = bool | Literal["low", "medium", "high", "max"]
Format = dict[str, Any] | Literal["json", ""]


class Options(Struct, kw_only=True):
    """``options`` of a request. Those without a type have no effect, whatever they are; a warning names them."""

    temperature: Temperature | None = None
    top_k: Natural | None = None
    top_p: Probability | None = None
    min_p: Probability | None = None
    repeat_penalty: RepeatPenalty | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    seed: Seed | None = None
    """-1 asks for none."""
    num_predict: Tokens | None = None
    """0 and less ask for as many as the context holds."""
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


class FunctionCall(Struct):
    """A function and its arguments, which are an object here and no text."""

    name: str
    arguments: dict[str, Any] = {}
    index: int | None = None


class RequestToolCall(Struct):
    """A call that an earlier answer made."""

    function: FunctionCall
    id: str | None = None


class RequestMessage(Struct):
    """A message of a chat."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: list[Any] | None = None
    tool_calls: list[RequestToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class Common(Struct, kw_only=True):
    """What all requests to a model share."""

    model: str | None = None
    keep_alive: float | str | None = None
    """Seconds, or a duration as Go writes it (``5m``, ``1h30m``); negative: for ever."""
    options: Options | None = None


class Answered(Common, kw_only=True):
    """What requests for an answer share."""

    stream: bool | None = None
    format: Format | None = None
    think: Think | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    truncate: bool | None = None
    shift: bool | None = None


class ChatRequest(Answered, kw_only=True):
    """``POST /api/chat``."""

    messages: Annotated[list[RequestMessage], Most] | None = None
    tools: ToolList | None = None


class GenerateRequest(Answered, kw_only=True):
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


class EmbedRequest(Common, kw_only=True):
    """``POST /api/embed``."""

    input: str | list[str]
    truncate: bool | None = None
    dimensions: Natural | None = None


class EmbeddingsRequest(Common, kw_only=True):
    """``POST /api/embeddings``, the older of the two."""

    prompt: str | None = None


class NamedRequest(Struct, kw_only=True):
    """Requests about a model: ``show``, ``pull``, ``delete``. `name` is the older spelling."""

    model: str | None = None
    name: str | None = None
    stream: bool | None = None
