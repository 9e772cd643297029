"""A person at Open WebUI's page, by the requests that the page makes."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError

Message = dict[str, Any]

JOBS = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}
"""What the page asks for beside the first answer of a chat; the server's settings say what becomes of it."""


class Refused(Exception):
    """What Open WebUI answered instead; the status is in `status`."""

    def __init__(self, error: HTTPError) -> None:
        super().__init__(f"{error.code}: {error.read(500).decode(errors='replace')}")
        self.status = error.code


@dataclass
class Turn:
    """One question in a chat, and where its answer goes."""

    user: User
    chat: str
    message: str
    tasks: list[str]

    def answer(self) -> Message:
        """What is saved of the answer until now; empty before it begins."""
        chat = self.user.get(f"/api/v1/chats/{self.chat}")["chat"]
        found: Message = chat["history"]["messages"].get(self.message, {})
        return found

    def finished(self) -> Message:
        """The whole answer; the test's own limit bounds the wait."""
        while not (found := self.answer()).get("done"):
            assert not found.get("error"), found
            time.sleep(0.2)
        return found

    def until_titled(self, title: str) -> None:
        """It is written a moment after the answer."""
        while self.user.get(f"/api/v1/chats/{self.chat}")["title"] != title:
            time.sleep(0.2)

    def stop(self) -> None:
        """The button."""
        self.user.post(f"/api/tasks/chat/{self.chat}/stop")


class User:
    """Signed in; every call blocks."""

    def __init__(self, url: str, email: str, password: str) -> None:
        """Raises `Refused`."""
        self._url, self._token = url, ""
        self._token = self.post("/api/v1/auths/signin", {"email": email, "password": password})["token"]

    def get(self, path: str) -> Any:
        return self._json(urllib.request.Request(self._url + path))

    def post(self, path: str, body: Any = None) -> Any:
        data = json.dumps(body if body is not None else {}).encode()
        return self._json(urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"}))

    def _json(self, request: urllib.request.Request) -> Any:
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise Refused(error) from error

    def models(self) -> list[str]:
        return [model["id"] for model in self.get("/api/models")["data"]]

    def set_rows(self, rows: Message) -> None:
        """As an admin does it in the settings pages."""
        self.post("/api/v1/configs/import", {"config": rows})

    @contextmanager
    def rows(self, rows: Message) -> Iterator[None]:
        """Set for a while."""
        before = self.get("/api/v1/configs/export")
        self.set_rows(rows)
        yield
        self.set_rows({key: before[key] for key in rows})

    def ask(self, model: str, question: str, after: Turn | None = None, **more: Any) -> Turn:
        """A message as the page sends it: a chat's first, or one after a turn; `more` are `files` and `features`."""
        user_id, answer_id = str(uuid.uuid4()), str(uuid.uuid4())
        message: Message = {
            "id": user_id,
            "parentId": after and after.message,
            "childrenIds": [],
            "role": "user",
            "content": question,
        }
        message |= {"timestamp": int(time.time()), "models": [model], "files": more.get("files", [])}
        body = {
            "model": model,
            "stream": True,
            "messages": [{"role": "user", "content": question}],
            "session_id": str(uuid.uuid4()),
            "parent_id": after and after.message,
            **({"chat_id": after.chat} if after else {}),
            "user_message": message,
            "message_ids": [{"model_id": model, "message_id": answer_id}],
            "background_tasks": JOBS,
            "features": {},
            **more,
        }
        begun = self.post("/api/chat/completions", body)
        return Turn(self, begun["chat_id"], answer_id, begun.get("task_ids", []))

    def stream(self, model: str, question: str) -> Iterator[Message]:
        """An answer as another program gets it from Open WebUI: its deltas."""
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": question}]}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        request = urllib.request.Request(f"{self._url}/api/chat/completions", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            for line in answer:
                if line.startswith(b"data: {"):
                    yield from (choice["delta"] for choice in json.loads(line[6:])["choices"])

    def upload(self, name: str, content: bytes, kind: str = "text/plain") -> str:
        """The id of a file that was put in with the paper clip."""
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}'
        body = f"{head}\r\n\r\n".encode() + content + f"\r\n--{mark}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        found = self._json(urllib.request.Request(f"{self._url}/api/v1/files/?process=true", body, headers))
        return str(found["id"])

    def processed(self, file: str) -> Message:
        """What became of an uploaded file: `content` or `error`."""
        while (found := self.get(f"/api/v1/files/{file}")["data"])["status"] not in ("completed", "failed"):
            time.sleep(0.2)
        return dict(found)

    def attached(self, name: str, content: bytes) -> Message:
        """A read document, as the page attaches it to a message."""
        file = self.upload(name, content)
        assert not self.processed(file).get("error")
        return {"type": "file", "id": file, "url": file, "name": name, "status": "uploaded"}
