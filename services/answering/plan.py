"""Turn what was asked for into what is run: add the model's defaults, its tools, the response format. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.answering import response_format
from services.chat import tasks
from services.chat.rag.pipeline import Outcome
from services.chat.tokens import TOKENS_PER_MESSAGE
from services.chat.tools.offer import Offer, offer
from services.core.errors import BadRequest
from services.core.message import Message, Messages, message
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest, Kind
from services.core.sampling import Sampling, given
from services.core.settings import Settings

BYTES_PER_TOKEN = 2
"""Fewer than any tokenizer in use needs on average, for any script, so that estimates err on the high side."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The messages of a generation with their sources selected."""

    messages: Messages
    thinking: bool | None = None
    outcome: Outcome | None = None
    """What was decided about the sources; None where nobody looked for any."""

    @property
    def uses_sources(self) -> bool:
        """Tell whether the messages hold selected sources."""
        return self.outcome is not None and self.outcome.decision.used


def plan(
    generation: GenerationRequest,
    model: Model,
    settings: Settings,
    request_id: str,
    prepared: Prepared | None = None,
) -> EngineRequest:
    """Return the request that makes the engine of `model` do what `generation` asks for.

    `prepared` are its messages with their sources selected; None sends them as they are. Raises `BadRequest` where the
    model cannot do what is asked.
    """
    prepared = prepared or Prepared(generation.messages, generation.thinking)
    chat = generation.prompt is None
    kind: Kind = "chat" if chat else "completion"
    check_capability(model, kind)
    sent = with_system_prompt(prepared.messages, model.system_prompt) if chat else ()
    tools = offer(generation, sent, model, settings) if chat else Offer(())
    form = response_format.demanded(generation, tools, model)
    defaults = dict(model.sampling)
    return EngineRequest(
        id=request_id,
        model=model,
        kind=kind,
        generation=generation,
        messages=form.messages,
        max_tokens=generation.max_tokens or int(defaults.get("max_tokens", settings.max_tokens_default)),
        sampling=merged(generation.sampling, defaults),
        json_schema=form.json_schema,
        answer_schema=form.answer_schema,
        template_kwargs=template_kwargs(generation, prepared.thinking, model, tools),
        prompt_tokens_estimate=estimate(form.messages, generation, tools.template_tools),
        tools=tools.tools,
        tool_family=tools.family,
        check_call=form.check_call,
        sources_used=prepared.uses_sources,
        low_priority=generation.low_priority or tasks.is_housekeeping(generation.messages),
    )


def data_request(
    kind: Kind,
    model: Model,
    inputs: tuple[str | tuple[int, ...], ...],
    request_id: str,
    capability: str | None = None,
) -> EngineRequest:
    """Return the request for data about `inputs`. Raises `BadRequest` where the model lacks the `capability`."""
    if capability is not None:
        check_capability(model, capability)
    size = sum(len(text) for text in inputs)
    return EngineRequest(id=request_id, model=model, kind=kind, inputs=inputs, prompt_tokens_estimate=size)


def check_capability(model: Model, needed: str) -> None:
    """Raise `BadRequest` where the model cannot do what is `needed`."""
    if needed not in model.capabilities:
        able = ", ".join(sorted(model.capabilities)) or "nothing"
        raise BadRequest(f"The model {model.id!r} cannot do {needed!r}; it can: {able}.", param="model")


def with_system_prompt(messages: Messages, system_prompt: str) -> Messages:
    """Put the model's own system prompt first, unless the client sent one."""
    if not system_prompt or any(each.role == "system" for each in messages):
        return messages
    return (message("system", system_prompt), *messages)


def merged(sampling: Sampling, defaults: dict[str, Any]) -> Sampling:
    """Return what the client said, else what the model's defaults say."""
    return Sampling(**{name: defaults.get(name) for name in Sampling.__struct_fields__} | given(sampling))


def template_kwargs(generation: GenerationRequest, thinking: bool | None, model: Model, tools: Offer) -> dict[str, Any]:
    """Return the template's variables; ``enable_thinking`` from the request, else from the model, else not at all."""
    kwargs = dict(generation.template_kwargs)
    switch = model.thinking if thinking is None else thinking
    if switch is not None:
        kwargs["enable_thinking"] = switch
    return kwargs if tools.template_tools is None else {**kwargs, "tools": tools.template_tools}


def estimate(messages: Messages, generation: GenerationRequest, tools: object = None) -> int:
    """Return the tokens of the prompt, estimated high."""
    size = len((generation.prompt or "").encode()) + sum(map(size_of, messages))
    size += len(json.dumps(tools, ensure_ascii=False).encode()) if tools else 0
    return size // BYTES_PER_TOKEN + TOKENS_PER_MESSAGE * (1 + 2 * len(messages)) + len(generation.prompt_ids)


def size_of(sent: Message) -> int:
    """Return the bytes of a message's text and of its calls."""
    calls: Iterable[str] = (text for call in sent.calls for text in (call.name, call.arguments))
    return len(sent.text.encode()) + sum(len(text.encode()) for text in calls)
