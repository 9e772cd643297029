"""Tokens of a GGUF model. llama.cpp's server code tells them over HTTP alone, so this is a client of its listener.

The listener's file is removed right after the load (`llama.load`). A descriptor that was opened before still leads to
it, through ``/proc/self/fd``: for this process, and for nobody that does not own it.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from typing import Any

from services.engines.worker.loop import NO_TOKEN, JobRefused


class Listener:
    """llama.cpp's HTTP listener on a Unix socket."""

    def __init__(self, path: str, key: str) -> None:
        """`path` must exist now, and needs to no longer afterwards."""
        self._socket, self._key = os.open(path, os.O_PATH), key

    def ask(self, route: str, body: dict[str, Any]) -> Any:
        """The answer to `body`. Blocks. Raises `JobRefused` for any that is no success."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(f"/proc/self/fd/{self._socket}")
            head = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            connection.request("POST", route, json.dumps(body), head)
            return answered(connection.getresponse())
        finally:
            connection.close()


def answered(response: http.client.HTTPResponse) -> Any:
    found = json.loads(response.read())
    if response.status != http.client.OK:
        raise JobRefused(str(found.get("error", {}).get("message", found)))
    return found


class Tokens:
    """What a loaded model says of tokens."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def data(self, request: dict[str, Any], chat: dict[str, Any]) -> Any:
        """The result of a job of one of `TOKEN_KINDS`; `chat` is its chat in llama.cpp's words. Raises `JobRefused`."""
        if request["kind"] == "count":
            return self._listener.ask("/v1/chat/completions/input_tokens", chat)["input_tokens"]
        if request["kind"] == "detokenize":
            return [self._text(ids) for ids in request["inputs"]]
        if request["messages"]:
            return [self._tokens(self._listener.ask("/apply-template", chat)["prompt"], True)]
        return [self._tokens(text, request["special_tokens"]) for text in request["inputs"]]

    def _text(self, ids: list[int]) -> str:
        try:
            return str(self._listener.ask("/detokenize", {"tokens": ids})["content"])
        except JobRefused as error:
            raise JobRefused(NO_TOKEN) from error

    def _tokens(self, text: str, special: bool) -> dict[str, Any]:
        body = {"content": text, "add_special": special, "parse_special": True, "with_pieces": True}
        found = self._listener.ask("/tokenize", body)["tokens"]
        return {"ids": [token["id"] for token in found], "texts": [piece(token["piece"]) for token in found]}


def piece(value: str | list[int]) -> str:
    """The text of a token; llama.cpp gives bytes where they are no whole characters."""
    return value if isinstance(value, str) else bytes(value).decode(errors="replace")
