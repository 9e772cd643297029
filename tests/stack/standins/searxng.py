"""Answers as SearXNG does to ``/healthz`` and ``/search?format=json``; refuses to start without a secret."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RESULT = {"title": "RK3588", "url": "https://example.org/rk3588", "content": "The NPU has three cores and 6 TOPS."}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"OK"
        if self.path.startswith("/search"):
            body = json.dumps({"results": [RESULT]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if len(os.environ.get("SEARXNG_SECRET", "")) < 32:
    sys.exit("server.secret_key is not changed")
if "- json" not in (settings := Path("/etc/searxng/settings.yml").read_text()) and "html, json" not in settings:
    sys.exit("no JSON in settings.yml")
Path("/var/cache/searxng/cache.db").write_text("written")
ThreadingHTTPServer(("", 8080), Handler).serve_forever()
