"""Serve ``/v1/tokenize`` and ``/v1/detokenize`` in vLLM's shapes, with the tokenizer of the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import falcon
from msgspec import Meta

from services.answering.plan import data_request, plan
from services.api.dialects.common import foreign_data
from services.api.dialects.common.bounds import Effort, MaxItems, Name, TemplateVariables, Text, TokenIds
from services.api.dialects.common.content import clean
from services.api.dialects.common.foreign_data import ForeignData
from services.api.dialects.common.parameters import NeutralValues, requested
from services.api.dialects.common.schema import AnswerStruct, Count
from services.api.dialects.common.tools import ToolChoiceWord, ToolList
from services.api.dialects.openai import requests
from services.api.dialects.openai.types import ChatRequest, ChatToolChoice, RequestMessage
from services.api.http.context import client
from services.api.http.notices import run_to_end, show_notice
from services.api.http.resource import Resource
from services.api.http.stream import write_json
from services.core.errors import BadRequest
from services.core.model import Model
from services.core.request import EngineRequest


class TokenizeRequest(ForeignData, kw_only=True):
    """``POST /v1/tokenize``: a `prompt`, or the `messages` of a chat."""

    model: Name | None = None
    prompt: Text | None = None
    messages: Annotated[list[RequestMessage], Meta(min_length=1), MaxItems] | None = None
    add_special_tokens: bool | None = None
    return_token_strs: bool | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    chat_template: Text | None = None
    chat_template_kwargs: TemplateVariables | None = None
    enable_thinking: bool | None = None
    reasoning_effort: Effort | None = None
    tools: ToolList | None = None
    tool_choice: ToolChoiceWord | ChatToolChoice | None = None


class DetokenizeRequest(ForeignData, kw_only=True):
    """``POST /v1/detokenize``."""

    model: Name | None = None
    tokens: TokenIds


class TokenizeAnswer(AnswerStruct):
    """The ids of the tokens, with their texts where the request wants them."""

    count: Count
    max_model_len: Count
    tokens: list[int]
    token_strs: list[str] | None


class DetokenizeAnswer(AnswerStruct):
    """The text of the tokens."""

    prompt: str


CHAT_REFUSED: NeutralValues = {
    "add_special_tokens": (None, False),
    "add_generation_prompt": (None, True),
    "continue_final_message": (None, False),
    "chat_template": (None,),
}
"""Parameters that would change the prompt of a chat; a value that asks for something is refused."""


class Tokenize(Resource):
    """``POST /v1/tokenize``. Waits for a slot, since the tokenizer is in the engine."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the tokens of a text, or of a chat's prompt. Blocks; raises `ServiceError`."""
        request = self.parse(req, TokenizeRequest)
        model = self._service.model(request.model)
        for notice in self._service.warnings(foreign_data.ignored(request)):
            show_notice(resp, notice)
        if (request.prompt is None) == (request.messages is None):
            raise BadRequest("Send either a prompt or messages; the request has both or neither.", param="prompt")
        wanted = self._of_text(request, model, req) if request.messages is None else self._of_chat(request, model, req)
        (found,), _ = run_to_end(resp, self._service.data(wanted, client(req)))
        ids, texts = found["ids"], found["texts"]
        body = TokenizeAnswer(
            count=len(ids),
            max_model_len=model.context_length,
            tokens=ids,
            token_strs=texts if request.return_token_strs else None,
        )
        write_json(resp, body)

    def _of_text(self, request: TokenizeRequest, model: Model, req: falcon.Request) -> EngineRequest:
        text = clean(request.prompt or "", "prompt")
        wanted = data_request("tokenize", model, (text,), req.context.id)
        return replace(wanted, special_tokens=request.add_special_tokens is not False)

    def _of_chat(self, request: TokenizeRequest, model: Model, req: falcon.Request) -> EngineRequest:
        """Return the request for the tokens of a chat's prompt, with all sources. Raises `BadRequest`."""
        for name in requested(request, CHAT_REFUSED):
            raise BadRequest(
                f"{name} cannot change the prompt of a chat, which the model's template makes; leave {name} out.",
                param=name,
            )
        return replace(
            plan(requests.chat(chat_of(request)), model, self._service.settings, req.context.id), kind="tokenize"
        )


def chat_of(request: TokenizeRequest) -> ChatRequest:
    """Return the chat whose prompt a request asks for."""
    return ChatRequest(
        messages=request.messages or [],
        chat_template_kwargs=request.chat_template_kwargs,
        enable_thinking=request.enable_thinking,
        reasoning_effort=request.reasoning_effort,
        tools=request.tools,
        tool_choice=request.tool_choice,
    )


class Detokenize(Resource):
    """``POST /v1/detokenize``. Waits for a slot as `Tokenize` does."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the text of tokens. Blocks; raises `ServiceError`."""
        request = self.parse(req, DetokenizeRequest)
        model = self._service.model(request.model)
        for notice in self._service.warnings(foreign_data.ignored(request)):
            show_notice(resp, notice)
        wanted = data_request("detokenize", model, (tuple(request.tokens),), req.context.id)
        (text,), _ = run_to_end(resp, self._service.data(wanted, client(req)))
        write_json(resp, DetokenizeAnswer(prompt=text))
