"""From what was asked to what is run: the model's defaults, its system prompt, tools, the answer's form. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from services.answering import repair as attempts
from services.answering.response_format import demanded
from services.chat import reasoning, tasks
from services.chat.tokens import TOKENS_PER_MESSAGE, fewest
from services.chat.tools import stage
from services.chat.tools.decide import decided
from services.chat.tools.offer import Offer, offer
from services.core.errors import BadRequest, ContextOverflow
from services.core.events import Event
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest, Kind, Sampling
from services.core.settings import Settings

BYTES_PER_TOKEN = 2
"""Fewer than any tokenizer in use needs on average, for any script, so that estimates err on the high side."""


def plan(generation: GenerationRequest, model: Model, settings: Settings, request_id: str) -> EngineRequest:
    """The job for `generation` on `model`. Raises `BadRequest` where the model cannot do what is asked."""
    defaults = dict(model.sampling)
    chat = generation.prompt is None
    messages = with_system_prompt(generation.messages, model.system_prompt) if chat else ()
    check_capability(model, "chat" if chat else "completion")
    generation = decided(generation, model)
    tools = offer(generation, messages, model, settings) if chat else Offer(())
    form = demanded(generation, tools, model)
    messages = form.messages
    return EngineRequest(
        id=request_id,
        model=model,
        kind="chat" if chat else "completion",
        messages=messages,
        prompt=generation.prompt or "",
        prompt_ids=generation.prompt_ids,
        max_tokens=generation.max_tokens or int(defaults.get("max_tokens", settings.max_tokens_default)),
        sampling=merged(generation.sampling, defaults),
        stop=generation.stop,
        logprobs=generation.logprobs,
        json_schema=form.json_schema,
        template_kwargs=template_kwargs(generation, model, tools),
        prompt_tokens_estimate=estimate(messages, generation.prompt or "", tools.template_tools)
        + len(generation.prompt_ids),
        tools=tools.tools,
        tool_family=tools.family,
        check_call=form.check_call,
        answer_schema=form.answer_schema,
        schema_strict=generation.schema_strict,
        parallel_calls=generation.parallel_calls,
        sources_used=bool(generation.unprepared),
        background=generation.background or tasks.is_housekeeping(generation.messages),
        keep_alive=generation.keep_alive,
    )


def data_request(
    kind: Kind, model: Model, inputs: tuple[str | tuple[int, ...], ...], request_id: str, capability: str | None = None
) -> EngineRequest:
    """The job for data about `inputs`. Raises `BadRequest` where the model lacks the `capability` it takes."""
    if capability is not None:
        check_capability(model, capability)
    return EngineRequest(
        id=request_id,
        model=model,
        kind=kind,
        messages=(),
        prompt="",
        max_tokens=1,
        sampling=Sampling(),
        stop=(),
        logprobs=None,
        json_schema=None,
        template_kwargs={},
        prompt_tokens_estimate=sum(len(text) for text in inputs),
        inputs=inputs,
    )


def respond(request: EngineRequest, serve: Callable[[EngineRequest], Iterator[Event]]) -> Iterator[Event]:
    """The answer's events, with a chat's reasoning and its calls told apart from its text, in the form demanded.

    Raises `ContextOverflow` where the prompt is too long in any case: an engine would take long to count it.
    """
    if (tokens := fewest(request)) >= request.model.context_length:
        raise ContextOverflow(tokens, request.model.context_length, counted=False)

    def run(request: EngineRequest) -> Iterator[Event]:
        events = serve(request)
        if request.kind == "chat":
            events = reasoning.split(events)
        return stage.split(request, events) if request.tools else events

    return attempts.checked(request, run) if attempts.needed(request) else run(request)


def check_capability(model: Model, needed: str) -> None:
    if needed not in model.capabilities:
        able = ", ".join(sorted(model.capabilities)) or "nothing"
        raise BadRequest(f"The model {model.id!r} cannot do {needed!r}; it can: {able}.", param="model")


def with_system_prompt(messages: tuple[dict[str, Any], ...], system_prompt: str) -> tuple[dict[str, Any], ...]:
    """The model's own system prompt goes first, unless the client sent one."""
    if not system_prompt or any(message["role"] == "system" for message in messages):
        return messages
    return ({"role": "system", "content": system_prompt}, *messages)


def merged(sampling: Sampling, defaults: dict[str, Any]) -> Sampling:
    """What the client said, else what the model's defaults say."""
    names = [field.name for field in fields(Sampling)]
    values = {name: getattr(sampling, name) for name in names}
    return Sampling(**{name: defaults.get(name) if value is None else value for name, value in values.items()})


def template_kwargs(generation: GenerationRequest, model: Model, tools: Offer) -> dict[str, Any]:
    """The template's variables; ``enable_thinking`` from the request, else from the model, else not at all."""
    kwargs = dict(generation.template_kwargs)
    thinking = model.thinking if generation.thinking is None else generation.thinking
    if thinking is not None:
        kwargs["enable_thinking"] = thinking
    return kwargs if tools.template_tools is None else {**kwargs, "tools": tools.template_tools}


def estimate(messages: tuple[dict[str, Any], ...], prompt: str, tools: object = None) -> int:
    """Tokens of the prompt, guessed high."""
    size = len(prompt.encode()) + sum(
        len(json.dumps(part, ensure_ascii=False).encode()) for part in [*messages, tools or ""]
    )
    return size // BYTES_PER_TOKEN + TOKENS_PER_MESSAGE * (1 + len(messages))
