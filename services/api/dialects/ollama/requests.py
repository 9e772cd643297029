"""Convert requests of Ollama's API to `GenerationRequest`s. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import structs

from services.api.dialects.common import foreign
from services.api.dialects.common.content import clean, parts
from services.api.dialects.common.parameters import (
    ALIASES,
    NeutralValues,
    logprobs_ignored,
    sampling_of,
    stops,
)
from services.api.dialects.common.tools import choose_tools, earlier_call, functions, id_text, left_out
from services.api.dialects.ollama.keep_alive import keep_alive
from services.api.dialects.ollama.types import (
    Format,
    OllamaAnswerRequest,
    OllamaChatRequest,
    OllamaGenerateRequest,
    OllamaOptions,
    OllamaRequest,
    OllamaRequestMessage,
    OllamaRequestToolCall,
)
from services.core.errors import BadRequest
from services.core.message import Message, Messages, ToolCall, message
from services.core.model import Model
from services.core.request import GenerationRequest, Tool
from services.core.sampling import Sampling, given

IGNORED: NeutralValues = {
    "truncate": (None, False),
    "shift": (None, False),
    "context": (None, []),
    "width": (None,),
    "height": (None,),
    "steps": (None,),
}
"""Parameters without effect; a value that asks for something is named in the warning."""

IGNORED_OPTIONS: NeutralValues = {
    "num_keep": (None,),
    "num_batch": (None,),
    "num_gpu": (None, -1),
    "main_gpu": (None,),
    "num_thread": (None, 0),
    "draft_num_predict": (None, 0),
    "numa": (None, False),
    "low_vram": (None, False),
    "f16_kv": (None, True),
    "use_mmap": (None,),
    "use_mlock": (None, False),
    "mirostat_tau": (None,),
    "mirostat_eta": (None,),
    "penalize_newline": (None, False),
    "json_schema": (None, ""),
    "guided_json": (None, ""),
    "structured_outputs": (None,),
}
"""The same for the fields of ``options``; ``num_ctx`` is compared with the model."""

ELSEWHERE: NeutralValues = dict.fromkeys([*Sampling.__struct_fields__, *ALIASES], (None,))
"""The same for parameters that belong into ``options``."""

REACH: Mapping[str, tuple[float, float]] = {
    "temperature": (0, math.inf),
    "top_p": (0, 1),
    "top_k": (0, math.inf),
    "min_p": (0, 1),
}
"""The least and the largest value of a parameter that differs from its neighbours; what lies beyond means the same."""

FIM = "This server cannot fill in text between a prompt and a suffix; leave 'suffix' out."
TEMPLATE = "Each model has its own chat template; leave 'template' out, or send a finished prompt with raw: true."
RAW = "A raw prompt is sent as it is; leave 'system', 'template' and 'context' out, or raw."
IMAGES = "This model reads text only; leave the images out."


def ignored(request: OllamaRequest, model: Model) -> list[str]:
    """Return the names of the parameters with which `request` asks for what this server does not do."""
    options = request.options
    answers = isinstance(request, OllamaAnswerRequest)
    names = foreign.ignored(request, {**ELSEWHERE, **IGNORED} if answers else ELSEWHERE)
    names += logprobs_ignored(request) if answers else []
    if options:
        names += foreign.ignored(options, IGNORED_OPTIONS, "options.")
        names += ["options.num_ctx"] if options.num_ctx not in (None, model.context_length) else []
    tools = request.tools if isinstance(request, OllamaChatRequest) else ()
    return names + left_out(tool.type for tool in tools or ())


def wants_nothing(request: OllamaChatRequest | OllamaGenerateRequest) -> bool:
    """Return whether the request has no question: such a request loads the model, or unloads it."""
    return not (request.messages if isinstance(request, OllamaChatRequest) else request.prompt)


def chat(request: OllamaChatRequest, model: Model) -> GenerationRequest:
    """Return what a chat asks for. Raises `BadRequest`."""
    tools = choose_tools(functions(request.tools or ())).tools
    return generation(request, model, messages=messages(request.messages or ()), tools=tools)


def generate(request: OllamaGenerateRequest, model: Model) -> GenerationRequest:
    """Return a chat of one message, or the prompt unchanged where it is `raw`. Raises `BadRequest`."""
    prompt = clean(request.prompt or "", "prompt")
    refuse(bool(request.images), IMAGES, "images")
    refuse(bool(request.suffix), FIM, "suffix")
    if request.raw:
        refuse(bool(request.system or request.template or request.context), RAW, "raw")
        return generation(request, model, prompt=prompt)
    refuse(bool(request.template), TEMPLATE, "template")
    both = (message("system", clean(request.system or "", "system")), message("user", prompt))
    return generation(request, model, messages=tuple(each for each in both if each.text))


def generation(
    request: OllamaAnswerRequest,
    model: Model,
    *,
    messages: Messages = (),
    prompt: str | None = None,
    tools: tuple[Tool, ...] = (),
) -> GenerationRequest:
    """Return a request for an answer with the parameters that chats and prompts share. Raises `BadRequest`."""
    options = request.options or OllamaOptions()
    return GenerationRequest(
        messages=messages,
        prompt=prompt,
        max_tokens=max_tokens(options.num_predict, model),
        sampling=within_reach(sampling_of(options, no_seed=-1)),
        stop=stops(options.stop),
        logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        json_schema=foreign.schema_of(request, schemas(request.format)),
        rag=request.rag is not False,
        thinking=None if request.think is None else bool(request.think),
        tools=tools,
        keep_alive=keep_alive(request.keep_alive),
    )


def within_reach(sampling: Sampling) -> Sampling:
    """Return `sampling` with values in `REACH`, as Ollama takes ``top_k: -1`` for no limit."""
    values = given(sampling)
    near = {name: min(max(values[name], least), most) for name, (least, most) in REACH.items() if name in values}
    return structs.replace(sampling, **near)


def refuse(wrong: bool, sentence: str, param: str) -> None:
    """Raise `BadRequest` with `sentence` if the request is `wrong`."""
    if wrong:
        raise BadRequest(sentence, param=param)


def max_tokens(num_predict: int | None, model: Model) -> int | None:
    """Return the most tokens of an answer; None for the default of the model.

    Ollama's -1 (no limit) and -2 (until the context is full) both end when the context is full.
    """
    if num_predict is None:
        return None
    return num_predict if num_predict > 0 else model.context_length


def schemas(wanted: Format | None) -> list[tuple[str, foreign.Schema]]:
    """Return the JSON schema asked for, with the name of its field; ``{}`` for any object; none for free text."""
    return [("format", {} if wanted == "json" else wanted)] if wanted == "json" or isinstance(wanted, dict) else []


def messages(sent: Sequence[OllamaRequestMessage]) -> Messages:
    """Return the messages of a chat. Calls without an id get one, and results without one get that of their call.

    Raises `BadRequest`.
    """
    open_calls: list[ToolCall] = []
    found = []
    for index, each in enumerate(sent):
        where = f"messages[{index}]"
        refuse(bool(each.images), f"{where}.images: {IMAGES}", f"{where}.images")
        content = parts(each.content, f"{where}.content", written=each.role in ("assistant", "tool"))
        calls = tuple(tool_call(call, f"call_{index}_{i}", where) for i, call in enumerate(each.tool_calls or ()))
        open_calls += calls
        if each.role == "tool":
            name = clean(tool_name(each) or "", f"{where}.tool_name")
            found.append(Message("tool", content, calls, answered_call(each, open_calls), name or None))
        else:
            found.append(Message(each.role, content, calls))
    return tuple(found)


def tool_call(sent: OllamaRequestToolCall, id: str, where: str) -> ToolCall:
    """Return a call in an earlier message, with `id` where it has none. Raises `BadRequest`."""
    return earlier_call(id_text(sent.id) or id, sent.function.name, sent.function.arguments, where)


def tool_name(result: OllamaRequestMessage) -> str | None:
    """Return the name of the tool whose result a message is, None where it has none."""
    return result.tool_name or result.name or None


def answered_call(result: OllamaRequestMessage, open_calls: list[ToolCall]) -> str | None:
    """Return the id of the call that `result` answers, and remove that call from `open_calls`.

    It is the call whose id the message has, else the first open call of the tool that it names; None for no such call.
    """
    id = id_text(result.tool_call_id)
    by_id = (call for call in open_calls if call.id == id)
    by_name = (call for call in open_calls if tool_name(result) in (None, call.name))
    call = next(by_id, None) or next(by_name, None)
    if call is not None:
        open_calls.remove(call)
    return id or (call.id if call else None)
