"""One chat or one web search inside the stack, as Open WebUI does it. Standard library only.

python3 scripts/try_it.py chat|search
"""

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

TIMEOUT = 600
"""Seconds for a chat: a board reads a large model from its card first."""


def key() -> str:
    """Open WebUI's key; any will do where the server asks for none."""
    path = Path(os.environ.get("PROVISION_SECRETS", "/secrets/open-webui")) / "api_key"
    return path.read_text().strip() if path.exists() else "none"


def call(url: str, body: Any = None, token: str = "") -> Any:
    """Raises `OSError` and `ValueError`; blocks for up to `TIMEOUT` seconds."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        return json.load(answer)


def chat() -> str:
    base = os.environ.get("OPENAI_API_BASE_URLS", "http://127.0.0.1:8000/v1").split(";")[0]
    models = call(f"{base}/models", token=key())["data"]
    (model, *_) = (model["id"] for model in models if "chat" in model.get("capabilities", ["chat"]))
    question = {"role": "user", "content": "Name a colour. Answer with one word."}
    answer = call(f"{base}/chat/completions", {"model": model, "messages": [question], "max_tokens": 64}, key())
    message = answer["choices"][0]["message"]
    said = message["content"] or message.get("reasoning_content")
    if not said:
        raise ValueError(f"{model} answered nothing: {answer}")
    return f"chat: {model} says {said.strip()[:80]!r}"


def search() -> str:
    url = os.environ.get("SEARXNG_QUERY_URL", "http://searxng:8080/search")
    found = call(f"{url}?q=Rockchip+RK3588&format=json")
    if not found["results"]:
        raise ValueError(f"no result; engines that did not answer: {found.get('unresponsive_engines')}")
    return f"search: {len(found['results'])} results, the first: {found['results'][0]['title']!r}"


if __name__ == "__main__":
    try:
        print({"chat": chat, "search": search}[sys.argv[1]]())
    except (OSError, ValueError, LookupError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
