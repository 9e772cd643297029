"""From what was asked to what is run: the model's defaults, its system prompt, its switches. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from services.chat import reasoning, tasks
from services.core.errors import BadRequest
from services.core.events import Event
from services.core.job import Ask, Job, Kind, Sampling
from services.core.model import Model
from services.core.settings import Settings

BYTES_PER_TOKEN = 2
"""Fewer than any tokenizer in use needs on average, for any script, so that estimates err on the high side."""

TOKENS_PER_MESSAGE = 16
"""Room for a chat template's role markers."""


def plan(ask: Ask, model: Model, settings: Settings, request_id: str) -> Job:
    """The job for `ask` on `model`. Raises `BadRequest` where the model cannot do what is asked."""
    defaults = dict(model.sampling)
    chat = ask.prompt is None
    messages = with_system_prompt(ask.messages, model.system_prompt) if chat else ()
    check_capability(model, "chat" if chat else "completion")
    return Job(
        id=request_id,
        model=model,
        kind="chat" if chat else "completion",
        messages=messages,
        prompt=ask.prompt or "",
        prompt_ids=ask.prompt_ids,
        max_tokens=ask.max_tokens or int(defaults.get("max_tokens", settings.max_tokens_default)),
        sampling=merged(ask.sampling, defaults),
        stop=ask.stop,
        logprobs=ask.logprobs,
        json_schema=ask.json_schema,
        template_kwargs=template_kwargs(ask, model),
        prompt_tokens_estimate=estimate(messages, ask.prompt or "") + len(ask.prompt_ids),
        sources_used=ask.sources_used,
        background=ask.background or tasks.is_housekeeping(ask.messages),
        keep_alive=ask.keep_alive,
    )


def data_job(
    kind: Kind, model: Model, inputs: tuple[str | tuple[int, ...], ...], request_id: str, capability: str | None = None
) -> Job:
    """The job for data about `inputs`. Raises `BadRequest` where the model lacks the `capability` it takes."""
    if capability is not None:
        check_capability(model, capability)
    return Job(
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


def respond(job: Job, serve: Callable[[Job], Iterator[Event]]) -> Iterator[Event]:
    """The answer's events, with a chat's reasoning told apart from its text."""
    events = serve(job)
    return reasoning.split(events) if job.kind == "chat" else events


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


def template_kwargs(ask: Ask, model: Model) -> dict[str, Any]:
    """The template's variables; ``enable_thinking`` from the request, else from the model, else not at all."""
    thinking = model.thinking if ask.thinking is None else ask.thinking
    return dict(ask.template_kwargs) if thinking is None else {**ask.template_kwargs, "enable_thinking": thinking}


def estimate(messages: tuple[dict[str, Any], ...], prompt: str) -> int:
    """Tokens of the prompt, guessed high."""
    size = len(prompt.encode()) + sum(len(json.dumps(message, ensure_ascii=False).encode()) for message in messages)
    return size // BYTES_PER_TOKEN + TOKENS_PER_MESSAGE * (1 + len(messages))
