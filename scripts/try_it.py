"""Run one chat or one web search inside the stack, as Open WebUI does. Standard library only.

    python3 scripts/try_it.py chat|search

It uses the key and the addresses of the container in which it runs.
"""

import argparse
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

TIMEOUT = 600
"""Seconds for a chat: a board first reads a large model from its SD card."""


def key() -> str:
    """Return the key of Open WebUI, or any text if the server needs no key."""
    path = Path(os.environ.get("PROVISION_SECRETS", "/secrets/open-webui")) / "api_key"
    return path.read_text().strip() if path.exists() else "none"


def call(url: str, body: Any = None, token: str = "") -> Any:
    """Return the JSON answer of `url`. Raise `OSError` and `ValueError`; block for up to `TIMEOUT` seconds."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        return json.load(answer)


def chat() -> str:
    """Ask the first model that can chat; return a line with its answer. Raise and block as `call` does."""
    base = os.environ.get("OPENAI_API_BASE_URLS", "http://127.0.0.1:8000/v1").split(";")[0]
    models = call(f"{base}/models", token=key())["data"]
    (model, *_) = (model["id"] for model in models if "chat" in model.get("capabilities", ["chat"]))
    question = {"role": "user", "content": "Name a colour. Answer with one word."}
    answer = call(f"{base}/chat/completions", {"model": model, "messages": [question], "max_tokens": 64}, key())
    message = answer["choices"][0]["message"]
    said = message["content"] or message.get("reasoning_content")
    if not said:
        raise ValueError(f"{model} gave an empty answer: {answer}")
    return f"chat: {model} answers {said.strip()[:80]!r}"


def search() -> str:
    """Search the web; return a line with the first result. Raise and block as `call` does."""
    url = os.environ.get("SEARXNG_QUERY_URL", "http://searxng:8080/search")
    found = call(f"{url}?q=Rockchip+RK3588&format=json")
    if not found["results"]:
        raise ValueError(f"no results; these engines did not answer: {found.get('unresponsive_engines')}")
    return f"search: {len(found['results'])} results, the first is {found['results'][0]['title']!r}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("chat", "search"), help="the part of the stack to try")
    what: str = parser.parse_args().what
    try:
        print({"chat": chat, "search": search}[what]())
    except (OSError, ValueError, LookupError) as error:
        sys.exit(f"error: the {what} failed: {error}")
