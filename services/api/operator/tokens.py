"""``/v1/tokenize`` and ``/v1/detokenize``: texts to tokens and back, in vLLM's shapes.

The tokenizer is the model's own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import falcon
from msgspec import Meta, Struct

from services.answering.plan import data_request, plan
from services.api.dialects.common.bounds import Most, Natural
from services.api.dialects.common.content import clean
from services.api.dialects.common.parameters import Idle, asking
from services.api.dialects.common.schema import AnswerStruct, Count
from services.api.dialects.common.tools import ToolList
from services.api.dialects.openai import requests
from services.api.dialects.openai.types import ChatRequest, RequestMessage
from services.api.http.context import client
from services.api.http.notices import finished
from services.api.http.resource import Resource
from services.api.http.stream import write_json
from services.core.errors import BadRequest
from services.core.model import Model
from services.core.request import EngineRequest


class TokenizeRequest(Struct, kw_only=True):
    """``POST /v1/tokenize``: a `prompt`, or the `messages` of a chat."""

    model: str | None = None
    prompt: str | None = None
    messages: Annotated[list[RequestMessage], Meta(min_length=1), Most] | None = None
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
    tokens: list[Natural]


class Tokens(AnswerStruct):
    count: Count
    max_model_len: Count
    tokens: list[int]
    token_strs: list[str] | None


class Detokenized(AnswerStruct):
    prompt: str


OF_A_CHAT: Idle = {
    "add_special_tokens": (None, False),
    "add_generation_prompt": (None, True),
    "continue_final_message": (None, False),
    "chat_template": (None,),
}
"""Parameters that would make another prompt than the one a chat is sent with."""


class Tokenize(Resource):
    """``POST /v1/tokenize``. Waits for a slot: the tokenizer is the engine's."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the tokens of a text, or of a chat's prompt."""
        request = self.parse(req, TokenizeRequest)
        model = self._service.model(request.model)
        if (request.prompt is None) == (request.messages is None):
            raise BadRequest("Send either a prompt or messages.", param="prompt")
        wanted = self._of_text(request, model, req) if request.messages is None else self._of_chat(request, model, req)
        (found,), _ = finished(resp, self._service.data(wanted, client(req)))
        ids, texts = found["ids"], found["texts"]
        body = Tokens(
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
        """Return the request about the prompt that an answer would be made from, its sources as they are."""
        for name in asking(request, OF_A_CHAT):
            raise BadRequest(f"{name} has no effect on a chat here: its prompt is always the model's own.", param=name)
        chat = ChatRequest(
            messages=request.messages or [], chat_template_kwargs=request.chat_template_kwargs, tools=request.tools
        )
        return replace(plan(requests.chat(chat), model, self._service.settings, req.context.id), kind="tokenize")


class Detokenize(Resource):
    """``POST /v1/detokenize``. Waits for a slot as `Tokenize` does."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the text that tokens stand for."""
        request = self.parse(req, DetokenizeRequest)
        model = self._service.model(request.model)
        wanted = data_request("detokenize", model, (tuple(request.tokens),), req.context.id)
        (text,), _ = finished(resp, self._service.data(wanted, client(req)))
        write_json(resp, Detokenized(prompt=text))
