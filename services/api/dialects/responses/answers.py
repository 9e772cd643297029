"""Convert an answer to a response and the items of its output. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from msgspec import UNSET

from services.api.dialects.common.answer import CollectedAnswer
from services.api.dialects.common.parameters import LOW_PRIORITY_TIER
from services.api.dialects.common.tools import FUNCTION_TYPES, MODES, ToolChoiceMode, ToolChoiceWord
from services.api.dialects.responses.schemas import (
    CallItem,
    IncompleteDetails,
    InputTokensDetails,
    MessageItem,
    OutputItem,
    OutputRefusal,
    OutputText,
    OutputTokensDetails,
    ReasoningItem,
    ReasoningText,
    ResponseAnswer,
    ResponseError,
    ResponseReasoning,
    ResponseText,
    ResponseUsage,
    Status,
)
from services.api.dialects.responses.types import (
    ReasoningConfig,
    ResponsesRequest,
    ResponseToolChoice,
    TextConfig,
    TextFormat,
)
from services.core.errors import BadRequest, QueueFull, ServiceError
from services.core.events import FinishReason, TokenLogprob, Usage
from services.core.message import ToolCall

Prefix = Literal["rs", "msg", "fc"]
"""How the id of an item begins: reasoning, a message, a call."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What a response has besides its answer."""

    id: str
    """The id of the HTTP request; those of the response and of its items are made from it."""
    created: int
    """Seconds since 1970."""
    model: str
    request: ResponsesRequest

    def item_id(self, prefix: Prefix, index: int) -> str:
        """Return the id of the item at `index` of the output."""
        return f"{prefix}_{self.id}_{index}"


def whole(head: ResponseHead, answer: CollectedAnswer) -> ResponseAnswer:
    """Return the whole response."""
    status = response_status(answer.finish_reason)
    return response(head, status, output(head, answer, status), answer.usage)


def output(head: ResponseHead, answer: CollectedAnswer, status: Status) -> list[OutputItem]:
    """Return the items of an answer. The last one has the `status` of the answer, which is cut off in it or nowhere."""
    items: list[OutputItem] = []
    if answer.reasoning:
        items.append(reasoning_item(head.item_id("rs", 0), [ReasoningText(text=answer.reasoning)]))
    if answer.text:
        items.append(message_item(head.item_id("msg", len(items)), [output_text(answer.text, answer.logprobs)]))
    if answer.refusal:
        items.append(message_item(head.item_id("msg", len(items)), [OutputRefusal(refusal=answer.refusal)]))
    for call in answer.calls:
        items.append(call_item(head.item_id("fc", len(items)), call))
    # An answer that was cut off was cut off in its last item; all before it are complete.
    for item in items[-1:]:
        item.status = status
    return items


def reasoning_item(id: str, content: list[ReasoningText], status: Status = "completed") -> ReasoningItem:
    """Return an item of reasoning."""
    return ReasoningItem(id=id, summary=[], content=content, status=status)


def message_item(id: str, content: list[OutputText | OutputRefusal], status: Status = "completed") -> MessageItem:
    """Return an item that is a message."""
    return MessageItem(id=id, role="assistant", content=content, status=status)


def call_item(id: str, call: ToolCall, status: Status = "completed") -> CallItem:
    """Return an item that is a call."""
    return CallItem(id=id, call_id=call.id, name=call.name, arguments=call.arguments, status=status)


def output_text(text: str, logprobs: Iterable[TokenLogprob]) -> OutputText:
    """Return the part of a message that is text."""
    return OutputText(text=text, annotations=[], logprobs=list(logprobs))


def response_status(reason: FinishReason) -> Status:
    """Return the status of a response whose answer ended for `reason`."""
    return "incomplete" if reason == "length" else "completed"


def response(
    head: ResponseHead,
    status: Status,
    items: list[OutputItem],
    usage: Usage | None = None,
    error: ServiceError | None = None,
) -> ResponseAnswer:
    """Return a response with `items` as its output, and with what it repeats of its request.

    `usage` is None until the answer has ended. Fields for what this server does not do have constant values.
    """
    request = head.request
    text, reasoning = request.text or TextConfig(), request.reasoning or ReasoningConfig()
    return ResponseAnswer(
        id=f"resp_{head.id}",
        created_at=head.created,
        status=status,
        error=response_error(error) if error else None,
        incomplete_details=IncompleteDetails(reason="max_output_tokens") if status == "incomplete" else None,
        model=head.model,
        output=items,
        usage=usage_of(usage) if usage else None,
        instructions=request.instructions,
        max_output_tokens=request.max_output_tokens,
        max_tool_calls=request.max_tool_calls,
        metadata=request.metadata or {},
        parallel_tool_calls=request.parallel_tool_calls is not False,
        prompt_cache_key=request.prompt_cache_key or UNSET,
        reasoning=ResponseReasoning(effort=reasoning.effort, summary=None),
        safety_identifier=request.safety_identifier or UNSET,
        temperature=request.temperature,
        text=ResponseText(format=text.format or TextFormat("text"), verbosity="medium"),
        tool_choice=shown_choice(request.tool_choice),
        tools=[each for each in request.tools or () if each.type in FUNCTION_TYPES],
        top_logprobs=request.top_logprobs or 0,
        top_p=request.top_p,
        user=request.user or UNSET,
        background=False,
        previous_response_id=None,
        service_tier=LOW_PRIORITY_TIER if request.service_tier == LOW_PRIORITY_TIER else "default",
        store=False,
        truncation="disabled",
    )


def shown_choice(choice: ToolChoiceWord | ResponseToolChoice | None) -> ToolChoiceMode | ResponseToolChoice:
    """Return the choice among tools as OpenAI writes it."""
    word = choice.type if isinstance(choice, ResponseToolChoice) else choice or "auto"
    return MODES[word] if word in MODES or not isinstance(choice, ResponseToolChoice) else choice


def usage_of(usage: Usage) -> ResponseUsage:
    """Return token counts as the Responses API names them."""
    return ResponseUsage(
        input_tokens=usage.prompt_tokens,
        input_tokens_details=InputTokensDetails(cached_tokens=usage.cached_tokens, cache_write_tokens=0),
        output_tokens=usage.completion_tokens,
        # Engines count the tokens of an answer together; 0 says that none are counted apart.
        output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
    )


def response_error(error: ServiceError) -> ResponseError:
    """Return the error of a response, with the nearest of the codes that OpenAI has for one."""
    if isinstance(error, QueueFull):
        return ResponseError(code="rate_limit_exceeded", message=error.message)
    code: Literal["invalid_prompt", "server_error"] = (
        "invalid_prompt" if isinstance(error, BadRequest) else "server_error"
    )
    return ResponseError(code=code, message=error.message)
