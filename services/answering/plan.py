"""Turn a `GenerationRequest` into an `EngineRequest`: add the model's defaults, the tools, the response format."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.answering import response_format
from services.answering.digest import Reading
from services.chat import housekeeping
from services.chat.ending import with_clear_end
from services.chat.rag.pipeline import PipelineResult
from services.chat.tokens import TOKENS_PER_MESSAGE
from services.chat.tools.offer import Offer, make_offer
from services.core.errors import BadRequest
from services.core.message import Message, Messages, message
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest, Kind
from services.core.sampling import Sampling, given
from services.core.settings import Settings

BYTES_PER_TOKEN = 2
"""Fewer bytes per token than any tokenizer in use has on average, for any script. So the estimate is never too low,
and no time limit that is derived from it is too short."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The messages of a generation after the pipeline for sources."""

    messages: Messages
    thinking: bool | None = None
    outcome: PipelineResult | None = None
    """What was decided about the sources; None if nobody looked for any."""
    reading: Reading | None = None
    """The documents for which notes stand in the messages; None if they stand for themselves."""

    @property
    def uses_sources(self) -> bool:
        """Return whether the messages contain selected sources."""
        return self.outcome is not None and self.outcome.decision.used


def plan(
    generation: GenerationRequest,
    model: Model,
    settings: Settings,
    request_id: str,
    prepared: Prepared | None = None,
) -> EngineRequest:
    """Return the request that makes the engine of `model` do what `generation` asks for.

    `prepared` has its messages with selected sources; None sends them as they are. Raises `BadRequest` if the model
    cannot do this. Does not block.
    """
    prepared = prepared or Prepared(generation.messages, generation.thinking)
    chat = generation.prompt is None
    kind: Kind = "chat" if chat else "completion"
    check_capability(model, kind)
    sent = with_system_prompt(with_clear_end(prepared.messages), model.system_prompt) if chat else ()
    tools = make_offer(generation, sent, model, settings) if chat else Offer(())
    answer_format = response_format.choose_format(generation, tools, model)
    defaults = dict(model.sampling)
    return EngineRequest(
        id=request_id,
        model=model,
        kind=kind,
        generation=generation,
        messages=answer_format.messages,
        max_tokens=generation.max_tokens or int(defaults.get("max_tokens", settings.max_tokens_default)),
        sampling=merge_sampling(generation.sampling, defaults),
        answer_schema=answer_format.answer_schema,
        hold_back=answer_format.hold_back,
        template_kwargs=template_kwargs(generation, prepared.thinking, model, tools),
        prompt_tokens_estimate=estimate_prompt(answer_format.messages, generation, tools.template_tools),
        tools=tools.tools,
        tool_family=tools.family,
        check_call=answer_format.check_call,
        sources_used=prepared.uses_sources,
        low_priority=generation.low_priority or housekeeping.is_housekeeping(generation.messages),
    )


def data_request(
    kind: Kind,
    model: Model,
    inputs: tuple[str | tuple[int, ...], ...],
    request_id: str,
    capability: str | None = None,
) -> EngineRequest:
    """Return the request for data about `inputs`. Raises `BadRequest` if the model lacks the `capability`."""
    if capability is not None:
        check_capability(model, capability)
    return EngineRequest(id=request_id, model=model, kind=kind, inputs=inputs)


def check_capability(model: Model, needed: str) -> None:
    """Check that the model can do what is `needed`. Raises `BadRequest`."""
    if needed not in model.capabilities:
        able = ", ".join(sorted(model.capabilities)) or "nothing"
        raise BadRequest(
            f"The model {model.id!r} cannot do {needed!r}; it can: {able}. Choose another model.", param="model"
        )


def with_system_prompt(messages: Messages, system_prompt: str) -> Messages:
    """Return `messages` with the model's own system prompt first, unless the client sent one."""
    if not system_prompt or any(each.role == "system" for each in messages):
        return messages
    return (message("system", system_prompt), *messages)


def merge_sampling(sampling: Sampling, defaults: dict[str, Any]) -> Sampling:
    """Return the client's sampling parameters, with the model's defaults for those that it left open."""
    return Sampling(**{name: defaults.get(name) for name in Sampling.__struct_fields__} | given(sampling))


def template_kwargs(generation: GenerationRequest, thinking: bool | None, model: Model, tools: Offer) -> dict[str, Any]:
    """Return the variables of the chat template.

    ``enable_thinking`` comes from the request, else from the model; without both, the template decides.
    """
    kwargs = dict(generation.template_kwargs)
    switch = model.thinking if thinking is None else thinking
    if switch is not None:
        kwargs["enable_thinking"] = switch
    return kwargs if tools.template_tools is None else {**kwargs, "tools": tools.template_tools}


def estimate_prompt(messages: Messages, generation: GenerationRequest, tools: object = None) -> int:
    """Return the tokens of the prompt, estimated high."""
    size = len((generation.prompt or "").encode()) + sum(map(message_bytes, messages))
    size += len(json.dumps(tools, ensure_ascii=False).encode()) if tools else 0
    return size // BYTES_PER_TOKEN + TOKENS_PER_MESSAGE * (1 + 2 * len(messages)) + len(generation.prompt_ids)


def message_bytes(sent: Message) -> int:
    """Return the bytes of a message's text and of its calls."""
    calls: Iterable[str] = (text for call in sent.calls for text in (call.name, call.arguments))
    return len(sent.text.encode()) + sum(len(text.encode()) for text in calls)
