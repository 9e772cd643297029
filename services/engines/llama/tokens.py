"""Count and convert the tokens of a GGUF model.

llama.cpp's server code gives them over HTTP alone, so this is a client of its listener.

The listener's file is removed right after the load (`llama.worker.load`). A descriptor that was opened before still
leads to it, through ``/proc/self/fd``: for this process, and for no process of another user.
"""

from __future__ import annotations

import codecs
import http.client
import json
import os
import socket
from collections.abc import Iterable
from typing import Any

from services.engines.worker.errors import NO_TOKEN, RequestRefused


class Listener:
    """Talk to llama.cpp's HTTP listener on a Unix socket."""

    def __init__(self, path: str, key: str) -> None:
        """Open the socket file at `path`, which may be removed afterwards. Raises `OSError`."""
        # A descriptor leads to the socket after its file is removed; only O_PATH can open a socket file.
        self._socket, self._key = os.open(path, os.O_PATH), key

    def post(self, route: str, body: dict[str, Any]) -> Any:
        """Return the answer to `body`. Blocks. Raises `RequestRefused` for any that is no success."""
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
    """Return the JSON of a response. Raises `RequestRefused` for any status but 200."""
    found = json.loads(response.read())
    if response.status != http.client.OK:
        raise RequestRefused(str(found.get("error", {}).get("message", found)))
    return found


class Tokens:
    """Answer requests about the tokens of a loaded model."""

    def __init__(self, listener: Listener) -> None:
        """Take the model's listener."""
        self._listener = listener

    def prompt(self, chat: dict[str, Any]) -> str:
        """Return the prompt of a chat, as the template renders it. Blocks. Raises `RequestRefused`."""
        return str(self._listener.post("/apply-template", chat)["prompt"])

    def data(self, request: dict[str, Any], chat: dict[str, Any]) -> Any:
        """Return the data for one of `TOKEN_KINDS`; `chat` is its llama.cpp request. Raises `RequestRefused`."""
        if request["kind"] == "count":
            return self._listener.post("/v1/chat/completions/input_tokens", chat)["input_tokens"]
        if request["kind"] == "detokenize":
            return [self._text(ids) for ids in request["inputs"]]
        if request["messages"]:
            return [self._tokens(self.prompt(chat), True)]
        return [self._tokens(text, request["special_tokens"]) for text in request["inputs"]]

    def of_prompt(self, prompt: str | list[int]) -> tuple[list[int], list[str]]:
        """Return the ids of a raw prompt, and what each token adds to its text. Raises `RequestRefused`."""
        if isinstance(prompt, str):
            found = self._pieces({"content": prompt, "add_special": True, "parse_special": True})
            return [id for id, _ in found], added_texts(data for _, data in found)
        self.check(prompt)
        # A text does not always become the tokens again that it was made of.
        found = self._pieces({"content": self._text(prompt), "add_special": False, "parse_special": True})
        same = [id for id, _ in found] == prompt
        return prompt, added_texts(data for _, data in found) if same else [self._text([id]) for id in prompt]

    def check(self, ids: Iterable[int]) -> None:
        """Raise `RequestRefused` if one of `ids`, none of them negative, is that of no token of the model."""
        self._text([max(ids)])

    def ids_of_request(self, request: dict[str, Any], chat: dict[str, Any]) -> list[int]:
        """Return the ids of the prompt of an answer; `chat` is its llama.cpp request. Raises `RequestRefused`."""
        if request["prompt_ids"]:
            return list(request["prompt_ids"])
        (found,) = self.data(
            {**request, "kind": "tokenize", "inputs": [request["prompt"]], "special_tokens": True}, chat
        )
        return list(found["ids"])

    def pieces(self, text: str) -> list[tuple[int, bytes]]:
        """Return the id and the bytes of each token of a text inside an answer. Raises `RequestRefused`."""
        return self._pieces({"content": text, "add_special": False})

    def _pieces(self, body: dict[str, Any]) -> list[tuple[int, bytes]]:
        found = self._listener.post("/tokenize", {**body, "with_pieces": True})["tokens"]
        return [(token["id"], token_bytes(token["piece"])) for token in found]

    def _text(self, ids: list[int]) -> str:
        try:
            return str(self._listener.post("/detokenize", {"tokens": ids})["content"])
        except RequestRefused as error:
            raise RequestRefused(NO_TOKEN) from error

    def _tokens(self, text: str, special: bool) -> dict[str, Any]:
        body = {"content": text, "add_special": special, "parse_special": True, "with_pieces": True}
        found = self._listener.post("/tokenize", body)["tokens"]
        return {"ids": [token["id"] for token in found], "texts": [token_text(token["piece"]) for token in found]}


def token_text(value: str | list[int]) -> str:
    """Return the text of a token; llama.cpp gives bytes where they are no whole characters."""
    return token_bytes(value).decode(errors="replace")


def added_texts(pieces: Iterable[bytes]) -> list[str]:
    """Return what each token adds to a text: a character of several tokens belongs to the last of them."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return [decoder.decode(piece) for piece in pieces]


def token_bytes(value: str | list[int]) -> bytes:
    """Return the bytes of a token; llama.cpp gives a text where they are one."""
    return value.encode() if isinstance(value, str) else bytes(value)
