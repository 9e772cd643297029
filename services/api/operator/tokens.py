"""Texts to tokens and back, with the tokenizer of the model itself; the shapes are vLLM's."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import falcon
from msgspec import Meta, Struct

from services.answering.plan import data_request, plan
from services.answering.service import Service
from services.api.dialects.common.content import clean
from services.api.dialects.openai import requests as asks
from services.api.dialects.openai.types import ChatRequest, Message, Most, TokenId, ToolList
from services.api.http.stream import write_json
from services.core.errors import BadRequest
from services.core.model import Model
from services.core.request import EngineRequest


class TokenizeRequest(Struct, kw_only=True):
    """``POST /v1/tokenize``: a `prompt`, or the `messages` of a chat."""

    model: str | None = None
    prompt: str | None = None
    messages: Annotated[list[Message], Meta(min_length=1), Most] | None = None
    add_special_tokens: bool | None = None
    return_token_strs: bool | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    chat_template: str | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    tools: ToolList | None = None


class DetokenizeRequest(Struct, kw_only=True):
    """``POST /v1/detokenize``."""

    model: str | None = None
    tokens: list[TokenId]


OF_A_CHAT = {
    "add_special_tokens": (None, False),
    "add_generation_prompt": (None, True),
    "continue_final_message": (None, False),
    "chat_template": (None,),
}
"""Parameters that would make another prompt than the one a chat is sent with, each with the values that do not."""


class Tokenize:
    """``/v1/tokenize``: what a text costs, token by token. Takes its turn: the tokenizer is the engine's."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, TokenizeRequest)
        model = self._service.model(request.model)
        if (request.prompt is None) == (request.messages is None):
            raise BadRequest("Send either a prompt or messages.", param="prompt")
        job = self._of_text(request, model, req) if request.messages is None else self._of_chat(request, model, req)
        (found,), _ = self._service.data(req, resp, job)
        write_json(resp, body(found, model, bool(request.return_token_strs)))

    def _of_text(self, request: TokenizeRequest, model: Model, req: falcon.Request) -> EngineRequest:
        text = clean(request.prompt or "", "prompt")
        job = data_request("tokenize", model, (text,), req.context.id)
        return replace(job, special_tokens=request.add_special_tokens is not False)

    def _of_chat(self, request: TokenizeRequest, model: Model, req: falcon.Request) -> EngineRequest:
        """The prompt of the chat as an answer would be asked for with it, its sources as they are."""
        for name, idle in OF_A_CHAT.items():
            if getattr(request, name) not in idle:
                raise BadRequest(
                    f"{name} has no effect on a chat here: its prompt is always the model's own.", param=name
                )
        kwargs, messages = request.chat_template_kwargs, request.messages or []
        chat = ChatRequest(messages=messages, chat_template_kwargs=kwargs, tools=request.tools)
        job = plan(asks.chat(chat, model.id), model, self._service.settings, req.context.id)
        return replace(job, kind="tokenize")


class Detokenize:
    """``/v1/detokenize``: the text that tokens stand for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = self._service.parse(req, DetokenizeRequest)
        model = self._service.model(request.model)
        (text,), _ = self._service.data(
            req, resp, data_request("detokenize", model, (tuple(request.tokens),), req.context.id)
        )
        write_json(resp, {"prompt": text})


def body(found: dict[str, Any], model: Model, texts: bool) -> dict[str, Any]:
    ids = found["ids"]
    sizes = {"count": len(ids), "max_model_len": model.context_length, "tokens": ids}
    return {**sizes, "token_strs": found["texts"] if texts else None}
