"""OpenAI requests to `GenerationRequest`s: pure conversions. What is not honoured is refused or named in a warning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from services.api.dialects.common.content import clean
from services.api.dialects.common.tools import call, chosen
from services.api.dialects.openai.types import (
    ChatRequest,
    Common,
    CompletionRequest,
    Message,
    Part,
    ResponseFormat,
    ToolCall,
)
from services.core.errors import BadRequest
from services.core.request import GenerationRequest, Sampling

BACKGROUND_TIER = "flex"
"""OpenAI's ``service_tier`` for requests that may take longer."""

IGNORED: Mapping[str, tuple[Any, ...]] = {
    "modalities": (None, [], ["text"]),
    "audio": (None,),
    "prediction": (None,),
    "service_tier": (None, "auto", "default", BACKGROUND_TIER),
    "store": (None, False),
    "verbosity": (None, "medium"),
    "web_search_options": (None,),
    "suffix": (None, ""),
    "best_of": (None, 1),
}
"""Parameters without effect, each with the values that ask for nothing; any other value is named in the warning."""

TEXTS = ("text", "input_text", "output_text")
"""Types of parts that are text, in any of OpenAI's APIs."""

MOST_PROMPTS = 128
"""Of one completion; each is a run of its own."""

NO_THINKING = ("none", "minimal")
"""Values of ``reasoning_effort`` that switch thinking off; the others switch it on."""


def ignored(request: Struct, table: Mapping[str, tuple[Any, ...]] = IGNORED) -> list[str]:
    """The parameters of `request` that ask for something this server does not do."""
    return [name for name, idle in table.items() if getattr(request, name, None) not in idle]


def chat(request: ChatRequest, model: str) -> GenerationRequest:
    """The `GenerationRequest` of a chat. Raises `BadRequest`."""
    kwargs = dict(request.chat_template_kwargs or {})
    choice = chosen(request)
    return GenerationRequest(
        model=model,
        messages=tuple(message(m, f"messages[{i}]") for i, m in enumerate(request.messages)),
        max_tokens=request.max_completion_tokens or request.max_tokens,
        sampling=sampling(request),
        stop=stops(request.stop),
        logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        json_schema=schema(request.response_format),
        schema_strict=strict(request.response_format),
        thinking=thinking(request, kwargs.pop("enable_thinking", None)),
        template_kwargs=kwargs,
        tools=choice.tools,
        call_required=choice.required,
        parallel_calls=choice.parallel,
        rag=request.rag is not False,
        background=request.service_tier == BACKGROUND_TIER,
    )


def completions(request: CompletionRequest, model: str) -> list[GenerationRequest]:
    """One `GenerationRequest` per prompt. Raises `BadRequest`."""
    return [completion(request, model, prompt) for prompt in prompts(request.prompt)]


def prompts(prompt: str | list[str | int | list[int]]) -> list[str | list[int]]:
    """One prompt or several, each a text or the ids of its tokens. Raises `BadRequest`."""
    if isinstance(prompt, str):
        prompt = [prompt]
    ids = [token for token in prompt if isinstance(token, int)]
    several = [part for part in prompt if not isinstance(part, int)]
    if ids and several:
        raise BadRequest("A prompt is a text or a list of token ids, not both in one list.", param="prompt")
    if len(several) > MOST_PROMPTS:
        raise BadRequest(f"There are {len(several)} prompts; send at most {MOST_PROMPTS} at once.", param="prompt")
    if [] in several or "" in several or not prompt:
        raise BadRequest("An empty text or list is no prompt; a model continues one token at least.", param="prompt")
    return several or [ids]


def completion(request: CompletionRequest, model: str, prompt: str | list[int]) -> GenerationRequest:
    text = prompt if isinstance(prompt, str) else ""
    return GenerationRequest(
        model=model,
        prompt=clean(text, "prompt"),
        prompt_ids=() if isinstance(prompt, str) else tuple(prompt),
        max_tokens=request.max_tokens,
        sampling=sampling(request),
        stop=stops(request.stop),
        logprobs=request.logprobs,
        json_schema=schema(request.response_format),
    )


def sampling(request: Common) -> Sampling:
    return Sampling(
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        min_p=request.min_p,
        frequency_penalty=request.frequency_penalty,
        presence_penalty=request.presence_penalty,
        repeat_penalty=request.repeat_penalty,
        seed=None if request.seed is None else request.seed % 2**32,
        logit_bias=request.logit_bias or None,
    )


def stops(stop: str | list[str] | None) -> tuple[str, ...]:
    """Stop strings; empty ones would stop at once and are left out, as OpenAI does."""
    return tuple(filter(None, [stop] if isinstance(stop, str) else stop or ()))


def schema(response_format: ResponseFormat | None) -> dict[str, Any] | None:
    """The JSON schema asked for; ``{}`` for any object; None for free text."""
    if response_format is None or response_format.type == "text":
        return None
    if response_format.type == "json_object":
        return {}
    if response_format.json_schema is None:
        raise BadRequest(
            "response_format has the type json_schema but no json_schema.", param="response_format.json_schema"
        )
    return response_format.json_schema.schema


def strict(response_format: ResponseFormat | None) -> bool:
    """Whether the client is ready for a refusal in place of JSON."""
    wanted = response_format.json_schema if response_format else None
    return bool(wanted and wanted.strict)


def thinking(request: ChatRequest, template_switch: Any) -> bool | None:
    """The switch nearest to the model wins: template variable, then `enable_thinking`, then `reasoning_effort`."""
    if isinstance(template_switch, bool):
        return template_switch
    if request.enable_thinking is not None:
        return request.enable_thinking
    return None if request.reasoning_effort is None else request.reasoning_effort not in NO_THINKING


def message(message: Message, where: str) -> dict[str, Any]:
    """A message as chat templates know it: the text of its parts, joined by newlines, and the role's own fields."""
    content = text(message.content, f"{where}.content")
    role = "system" if message.role == "developer" else "tool" if message.role == "function" else message.role
    if content is None and not calls_of(message) and role != "assistant":
        raise BadRequest(f"{where} has no content; send a string or a list of text parts.", param=f"{where}.content")
    out: dict[str, Any] = {"role": role, "content": content or ""}
    if calls := calls_of(message):
        out["tool_calls"] = [call(c.id, c.function.name, c.function.arguments, where) for c in calls]
    if role == "tool" and message.name:
        out["name"] = clean(message.name, f"{where}.name")
    if message.tool_call_id is not None:
        out["tool_call_id"] = message.tool_call_id
    return out


def calls_of(message: Message) -> list[ToolCall]:
    """The calls of a message; OpenAI's older single call among them."""
    older = [ToolCall("", message.function_call)] if message.function_call else []
    return older + (message.tool_calls or [])


def text(content: str | list[Part] | None, where: str) -> str | None:
    if content is None or isinstance(content, str):
        return content and clean(content, where)
    return "\n".join(part_text(part, f"{where}[{i}]") for i, part in enumerate(content))


def part_text(part: Part, where: str) -> str:
    found = part.text if part.type in TEXTS else part.refusal if part.type == "refusal" else None
    if found is None:
        raise BadRequest(
            f"{where} has the type {part.type!r}; this model reads text only. Send parts of the type 'text'.",
            param=where,
        )
    return clean(found, where)
