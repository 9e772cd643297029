"""Define what clients of Ollama's API may send. Unknown fields are tolerated; known ones must have their type.

A field set to null means the same as a field left out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.api.dialects.common.bounds import (
    AnyInteger,
    MaxItems,
    StopList,
    TopLogprobs,
)
from services.api.dialects.common.foreign import ForeignParameters
from services.api.dialects.common.tools import ToolList
from services.core.sampling import Natural

Tokens = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Think = bool | Literal["low", "medium", "high", "max"]
Object = Annotated[dict[str, Any], Meta(max_length=1024)]
Format = Object | Literal["json", ""]
Name = Annotated[str, Meta(max_length=256)]
"""The name of a model or a tool, or the id of a call."""
LongText = Annotated[str, Meta(max_length=16 * 1024 * 1024)]
"""A message or a prompt. Whether it fits a model is checked by its tokens, before a model reads it."""
Images = Annotated[list[Any], Meta(max_length=64)]
Duration = Annotated[str, Meta(max_length=1024)]
Ignored = bool | float | Annotated[str, Meta(max_length=256)] | None
"""The value of a parameter without effect, which a warning names."""
Wide = Annotated[float, Meta(ge=-1000, le=1000)]
"""A number in whose range Ollama has no say; see `requests.REACH`."""


class OllamaOptions(ForeignParameters, frozen=True, kw_only=True):
    """The ``options`` of a request: all sampling parameters, where a seed of -1 asks for none, and more.

    Ollama checks no ranges of them, so these are wider than those of the other dialects.
    """

    temperature: Wide | None = None
    top_p: Wide | None = None
    top_k: Tokens | None = None
    min_p: Wide | None = None
    frequency_penalty: Wide | None = None
    presence_penalty: Wide | None = None

    num_predict: Tokens | None = None
    """0 and less ask for as many as fit the context."""
    stop: Annotated[str, Meta(max_length=1000)] | StopList | None = None
    num_ctx: Tokens | None = None

    num_keep: Ignored = None
    num_batch: Ignored = None
    num_gpu: Ignored = None
    main_gpu: Ignored = None
    num_thread: Ignored = None
    draft_num_predict: Ignored = None
    numa: Ignored = None
    low_vram: Ignored = None
    f16_kv: Ignored = None
    use_mmap: Ignored = None
    use_mlock: Ignored = None
    mirostat_tau: Ignored = None
    mirostat_eta: Ignored = None
    penalize_newline: Ignored = None


class OllamaFunctionCall(Struct):
    """A function, and its arguments as an object."""

    name: Name
    arguments: Any = None
    """Some clients send the text of the object; `common.tools.earlier_call` leaves out what is none."""
    index: Tokens | None = None


class OllamaRequestToolCall(Struct):
    """A call that an earlier answer made."""

    function: OllamaFunctionCall
    id: Name | AnyInteger | None = None


class OllamaRequestMessage(Struct):
    """A message of a chat."""

    role: Literal["system", "user", "assistant", "tool"]
    content: LongText | None = None
    thinking: LongText | None = None
    images: Images | None = None
    tool_calls: Annotated[list[OllamaRequestToolCall], Meta(max_length=256)] | None = None
    tool_name: Name | None = None
    name: Name | None = None
    """What older clients call `tool_name`."""
    tool_call_id: Name | AnyInteger | None = None


class OllamaRequest(ForeignParameters, frozen=True, kw_only=True):
    """What all requests to a model share. Parameters of the type `Any` have no effect; some belong into `options`."""

    model: Name | None = None
    keep_alive: float | Duration | None = None
    """Seconds, or a duration (``5m``, ``1h30m``, ``1d``); negative: for ever."""
    options: OllamaOptions | None = None

    temperature: Any = None
    top_p: Any = None
    top_k: Any = None
    min_p: Any = None
    frequency_penalty: Any = None
    presence_penalty: Any = None
    repeat_penalty: Any = None
    repetition_penalty: Any = None
    seed: Any = None
    random_seed: Any = None
    logit_bias: Any = None


class OllamaAnswerRequest(OllamaRequest, frozen=True, kw_only=True):
    """What requests for an answer share."""

    stream: bool | None = None
    format: Format | None = None
    think: Think | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    truncate: bool | None = None
    shift: bool | None = None


class OllamaChatRequest(OllamaAnswerRequest, frozen=True, kw_only=True):
    """``POST /api/chat``."""

    messages: Annotated[list[OllamaRequestMessage], MaxItems] | None = None
    tools: ToolList | None = None


class OllamaGenerateRequest(OllamaAnswerRequest, frozen=True, kw_only=True):
    """``POST /api/generate``."""

    prompt: LongText | None = None
    system: LongText | None = None
    raw: bool | None = None
    suffix: LongText | None = None
    template: LongText | None = None
    context: Annotated[list[Tokens], Meta(max_length=2**20)] | None = None
    images: Images | None = None
    width: Ignored = None
    height: Ignored = None
    steps: Ignored = None


class OllamaEmbedRequest(OllamaRequest, frozen=True, kw_only=True):
    """``POST /api/embed``."""

    input: LongText | Annotated[list[LongText], Meta(max_length=2048)]
    truncate: bool | None = None
    dimensions: Natural | None = None


class OllamaEmbeddingsRequest(OllamaRequest, frozen=True, kw_only=True):
    """``POST /api/embeddings``, the older of the two."""

    prompt: LongText | None = None
    truncate: bool | None = None


class OllamaModelRequest(Struct, kw_only=True):
    """Requests about a model: ``show``, ``pull``, ``delete``. `name` is the older spelling."""

    model: Name | None = None
    name: Name | None = None
    stream: bool | None = None
