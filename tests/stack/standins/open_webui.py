"""The part of Open WebUI's HTTP interface that the stack relies on, with its data in a file.

Keeps Open WebUI's rules: the admin is made at the first start only, rows in the database win over the environment, and
imports need a token. Passes a chat on to the API server as it would.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DATA = Path(os.environ.get("STANDIN_DATA", "/app/backend/data/webui.json"))
TOKEN = "token-of-the-stand-in"


def load() -> dict[str, Any]:
    if not DATA.exists():
        seeds = {
            f"openai.{name.lower()}": os.environ[f"OPENAI_{name}"].split(";") for name in ("API_BASE_URLS", "API_KEYS")
        }
        rows = {**seeds, "task.title.enable": False}
        user = {"email": os.environ["WEBUI_ADMIN_EMAIL"], "password": os.environ["WEBUI_ADMIN_PASSWORD"]}
        save({"user": user, "rows": rows, "models": {}, "imports": 0})
    found: dict[str, Any] = json.loads(DATA.read_text())
    return found


def save(data: dict[str, Any]) -> None:
    DATA.write_text(json.dumps(data))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        data = load()
        if self.path == "/health":
            self.answer({"status": True})
        elif self.path == "/search":
            self.answer(fetch(os.environ["SEARXNG_QUERY_URL"] + "?q=rk3588&format=json"))
        elif not self.signed_in():
            self.answer({"detail": "Not authenticated"}, 401)
        elif self.path == "/api/v1/configs/export":
            self.answer(data["rows"])
        elif self.path == "/api/v1/models/base":
            self.answer(list(data["models"].values()))
        else:
            self.answer({"imports": data["imports"]})

    def do_POST(self) -> None:
        data = load()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/v1/auths/signin":
            right = body == data["user"]
            self.answer({"token": TOKEN} if right else {"detail": "wrong password"}, 200 if right else 400)
        elif not self.signed_in():
            self.answer({"detail": "Not authenticated"}, 401)
        elif self.path == "/api/chat/completions":
            url, key = (data["rows"][f"openai.{name}"][0] for name in ("api_base_urls", "api_keys"))
            self.answer(fetch(f"{url}/chat/completions", body, key))
        else:
            self.store(data, body)
            self.answer(True)

    def store(self, data: dict[str, Any], body: dict[str, Any]) -> None:
        data["rows"].update(body.get("config", {}))
        data["models"].update({record["id"]: record for record in body.get("models", [])})
        data["imports"] += 1
        save(data)

    def signed_in(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def answer(self, body: Any, status: int = 200) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)


def fetch(url: str, body: Any = None, key: str = "") -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


if __name__ == "__main__":
    if not os.environ.get("WEBUI_SECRET_KEY") or not os.environ.get("WEBUI_ADMIN_PASSWORD"):
        sys.exit("WEBUI_SECRET_KEY is not set. It is a hard requirement when authentication is enabled.")
    load()
    ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()
