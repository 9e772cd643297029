"""A hub for models: the part of the Hugging Face Hub's HTTP interface that a download uses, with real files."""

from __future__ import annotations

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """Serves `files` by ``owner/name/file``; no download gets past byte `cut` of a file."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: int | None = None
        self.out_of_turn = False
        """Whether it tells the checksum of another file."""
        self.ranges: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def end(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.head()

        def do_GET(self) -> None:
            body = self.head()
            if body is None:
                return
            if hub.cut is not None:
                self.wfile.write(body[: max(0, hub.cut - self.begun)])
                self.close_connection = True
            else:
                self.wfile.write(body)

        def head(self) -> bytes | None:
            found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", self.path.partition("?")[0])
            body = hub.files.get(f"{found[1]}/{found[2]}") if found else None
            if body is None:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            checksum = hashlib.sha256(b"another" if hub.out_of_turn else body).hexdigest()
            start = self.begun = self.start(len(body))
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", f'"{checksum}"')
            self.send_header("X-Linked-Etag", f'"{checksum}"')
            self.send_header("X-Linked-Size", str(len(body)))
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            return body[start:]

        def start(self, size: int) -> int:
            asked = self.headers.get("Range", "")
            if not asked.startswith("bytes=") or self.command == "HEAD":
                return 0
            hub.ranges.append(asked)
            return min(int(asked.removeprefix("bytes=").partition("-")[0]), size)

        def log_message(self, *args: object) -> None:
            pass

    return Handler
