"""Ollama requests to `GenerationRequest`s: pure conversions. What is not honoured is refused or named in a warning."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from services.api.dialects.common.content import clean
from services.api.dialects.common.tools import call, chosen_tools, offered
from services.api.dialects.ollama.types import (
    Answered,
    ChatRequest,
    Common,
    Format,
    GenerateRequest,
    Message,
    Options,
    ToolCall,
)
from services.api.dialects.openai.requests import stops
from services.core.errors import BadRequest
from services.core.model import Model
from services.core.request import GenerationRequest, Sampling

IGNORED: Mapping[str, tuple[Any, ...]] = {
    "truncate": (None, False),
    "shift": (None, False),
    "context": (None, []),
    "width": (None,),
    "height": (None,),
    "steps": (None,),
}
"""Parameters without effect, each with the values that ask for nothing; any other value is named in the warning."""

IGNORED_OPTIONS: Mapping[str, tuple[Any, ...]] = {
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
    "repeat_last_n": (None,),
    "typical_p": (None, 1),
    "tfs_z": (None, 1),
    "mirostat": (None, 0),
    "mirostat_tau": (None,),
    "mirostat_eta": (None,),
    "penalize_newline": (None, False),
}
"""The same for ``options``; ``num_ctx`` is compared with the model."""

FIM = "This server has no models that fill in between a prompt and a suffix; leave 'suffix' out."
TEMPLATE = "Each model has its own chat template here; leave 'template' out, or send a finished prompt with raw: true."
RAW = "A raw prompt is sent as it is; leave 'system', 'template' and 'context' out, or raw."
IMAGES = "This model reads text only; leave the images out."

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
STEP = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|)", re.ASCII)
DURATION = re.compile(rf"([-+]?)((?:{STEP.pattern})+)", re.ASCII)


def ignored(request: Common, model: Model) -> list[str]:
    """The parameters of `request` that ask for something this server does not do."""
    names = [name for name, idle in IGNORED.items() if getattr(request, name, None) not in idle]
    options = request.options or Options()
    names += [f"options.{name}" for name, idle in IGNORED_OPTIONS.items() if getattr(options, name) not in idle]
    if options.num_ctx not in (None, model.context_length):
        names.append("options.num_ctx")
    return names


def wants_nothing(request: ChatRequest | GenerateRequest) -> bool:
    """Whether no answer is asked for: such a request loads the model, or unloads it."""
    return not (request.messages if isinstance(request, ChatRequest) else request.prompt)


def chat(request: ChatRequest, model: Model) -> GenerationRequest:
    """The `GenerationRequest` of a chat. Raises `BadRequest`."""
    tools = [offered(tool.function, f"tools[{index}].function") for index, tool in enumerate(request.tools or ())]
    found = tuple(messages(request.messages or ()))
    return generation(request, model, messages=found, tools=chosen_tools(tools).tools)


def generate(request: GenerateRequest, model: Model) -> GenerationRequest:
    """Return a chat of one message, or the prompt as it is where it is `raw`. Raises `BadRequest`."""
    prompt = clean(request.prompt or "", "prompt")
    refuse(bool(request.images), IMAGES, "images")
    refuse(bool(request.suffix), FIM, "suffix")
    if request.raw:
        refuse(bool(request.system or request.template or request.context), RAW, "raw")
        return generation(request, model, prompt=prompt)
    refuse(bool(request.template), TEMPLATE, "template")
    said = [("system", clean(request.system or "", "system")), ("user", prompt)]
    return generation(request, model, messages=tuple({"role": role, "content": text} for role, text in said if text))


def generation(request: Answered, model: Model, **what: Any) -> GenerationRequest:
    """What chats and prompts share."""
    options = request.options or Options()
    return GenerationRequest(
        model=model.id,
        max_tokens=max_tokens(options.num_predict, model),
        sampling=sampling(options),
        stop=stops(options.stop),
        logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        json_schema=schema(request.format),
        thinking=None if request.think is None else bool(request.think),
        keep_alive=keep_alive(request.keep_alive),
        **what,
    )


def refuse(wrong: bool, sentence: str, param: str) -> None:
    if wrong:
        raise BadRequest(sentence, param=param)


def max_tokens(num_predict: int | None, model: Model) -> int | None:
    """Ollama's -1 (no end) and -2 (until the context is full) end alike here: when the context is full."""
    if num_predict is None:
        return None
    return num_predict if num_predict > 0 else model.context_length


def sampling(options: Options) -> Sampling:
    return Sampling(
        temperature=options.temperature,
        top_p=options.top_p,
        top_k=options.top_k,
        min_p=options.min_p,
        frequency_penalty=options.frequency_penalty,
        presence_penalty=options.presence_penalty,
        repeat_penalty=options.repeat_penalty,
        seed=None if options.seed in (None, -1) else options.seed % 2**32,
    )


def schema(form: Format | None) -> dict[str, Any] | None:
    """The JSON schema asked for; ``{}`` for any object; None for free text."""
    return {} if form == "json" else form if isinstance(form, dict) else None


def keep_alive(value: float | str | None) -> float | None:
    """Seconds; infinite for a negative one, None for the server's own limit. Raises `BadRequest`."""
    seconds = duration(value) if isinstance(value, str) else value
    return math.inf if seconds is not None and seconds < 0 else seconds


def duration(text: str) -> float:
    """Seconds of ``5m``, ``1h30m``, ``-1``. Raises `BadRequest`."""
    found = DURATION.fullmatch(text.strip())
    if found is None:
        raise BadRequest(
            f"keep_alive is {text[:50]!r}; it takes seconds or a duration such as '5m', '1h30m', '0', '-1'.",
            param="keep_alive",
        )
    seconds = sum(float(number) * UNITS[unit] for number, unit in STEP.findall(found[2]))
    return -seconds if found[1] == "-" else seconds


def messages(found: Sequence[Message]) -> Iterator[dict[str, Any]]:
    """Messages as chat templates know them. Calls get ids, and results those of their calls, where they have none."""
    pending: list[tuple[str, str]] = []
    for index, message in enumerate(found):
        refuse(bool(message.images), f"messages[{index}].images: {IMAGES}", f"messages[{index}].images")
        content = clean(message.content or "", f"messages[{index}].content")
        out: dict[str, Any] = {"role": message.role, "content": content}
        if message.tool_calls:
            out["tool_calls"] = [
                earlier(made, f"call_{index}_{i}", f"messages[{index}]") for i, made in enumerate(message.tool_calls)
            ]
            pending += [(made["id"], made["function"]["name"]) for made in out["tool_calls"]]
        if message.role == "tool":
            out |= result(message, pending)
        yield out


def earlier(made: ToolCall, name: str, where: str) -> dict[str, Any]:
    """A call of an earlier message, whose arguments are an object here and their text everywhere else."""
    return call(made.id or name, made.function.name, msgspec.json.encode(made.function.arguments).decode(), where)


def result(message: Message, pending: list[tuple[str, str]]) -> dict[str, Any]:
    """Whose result a tool's message is: of the call it names, else of the first open call of the tool it names."""
    fits = [entry for entry in pending if message.tool_call_id == entry[0]]
    fits = fits or [entry for entry in pending if message.tool_name in (None, entry[1])]
    if fits:
        pending.remove(fits[0])
    identity = message.tool_call_id or (fits[0][0] if fits else None)
    told = {"tool_call_id": identity, "name": message.tool_name}
    return {key: value for key, value in told.items() if value is not None}
