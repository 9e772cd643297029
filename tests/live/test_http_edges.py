"""Bytes that are no proper request, on a real socket: JSON, 4xx, and the server goes on."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import ROOT, write_fake_model
from tests.live.conftest import Serve, Server, answer
from tests.ports import free_port

POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

BROKEN = {
    "no HTTP": b"hello?\r\n\r\n",
    "bad header": b"GET /health HTTP/1.1\r\nno colon here\r\n\r\n",
    "endless header": b"GET /health HTTP/1.1\r\nX: " + b"x" * 20000 + b"\r\n\r\n",
    "long request line": b"GET /" + b"x" * 10000 + b" HTTP/1.1\r\n\r\n",
    "bad chunk size": CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
    "chunk too short": CHUNKED + b"5\r\nhelloX\r\n0\r\n\r\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "content length no number": POST + b"Content-Length: many\r\n\r\n",
}


@pytest.fixture(scope="module")
def server(serve: Serve) -> Server:
    return serve(client_timeout=2, max_body_bytes=100_000)


def test_broken_requests_get_json_and_a_4xx(server: Server) -> None:
    for name, data in BROKEN.items():
        with server.connect() as connection:
            connection.sendall(data)
            status, body = answer(connection)
        assert 400 <= status < 500, name
        assert isinstance(body, dict), name
        assert body["error"]["message"], name
    assert server.ask("next") == "You said: next"


def test_chunks_without_end_are_a_413(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(CHUNKED)
        for _ in range(42):
            connection.sendall(b"2710\r\n" + b" " * 10000 + b"\r\n")
        status, body = answer(connection)
    assert status == 413
    assert body["error"]["code"] == "payload_too_large"
    assert server.ask("next") == "You said: next"


def test_a_body_over_the_limit_is_a_413_that_arrives(server: Server) -> None:
    with server.post("/v1/chat/completions", "x" * 200_000) as connection:
        assert answer(connection)[0] == 413


def test_a_client_that_leaves_in_its_body_costs_nothing(server: Server) -> None:
    for _ in range(5):
        connection = server.connect()
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{")
        connection.close()
    assert server.ask("next") == "You said: next"


def test_a_chunked_body_is_read(server: Server) -> None:
    body = json.dumps({"model": "fake", "messages": [{"role": "user", "content": "chunked"}]}).encode()
    with server.connect() as connection:
        connection.sendall(CHUNKED + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
        status, answered = answer(connection)
    assert status == 200
    assert answered["choices"][0]["message"]["content"] == "You said: chunked"


def raw(server: Server, data: bytes) -> bytes:
    """Return all bytes of the answer to a request that ends its connection."""
    with server.connect() as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_headers_are_in_their_usual_case(server: Server) -> None:
    head = raw(server, b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").partition(
        b"\r\n\r\n"
    )[0]
    names = {line.partition(b":")[0] for line in head.split(b"\r\n")[1:]}
    assert {b"Content-Type", b"Content-Length", b"X-Request-Id", b"Cache-Control", b"X-Content-Type-Options"} <= names
    assert not [name for name in names if name.islower()]


def test_head_is_answered_wherever_get_is(server: Server) -> None:
    for path in ("/v1/models", "/health", "/docs", "/metrics", "/api/ps"):
        answered = raw(server, f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head, _, body = answered.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), path
        assert body == b"", path


@pytest.mark.parametrize("header", ["SCRIPT_NAME: /x", "Script-Name: /x", "PATH_INFO: /x", "X-Forwarded-Proto: https"])
def test_no_header_changes_what_is_asked(server: Server, header: str) -> None:
    request = f"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n\r\n"
    assert raw(server, request.encode()).split()[1] in (b"200", b"400")


def test_a_body_that_stops_is_a_408_and_the_connection_ends(server: Server) -> None:
    answered = raw(server, POST + b"Content-Length: 5000\r\n\r\n" + b"x" * 100)
    assert answered.startswith(b"HTTP/1.1 408")
    assert answered.count(b"HTTP/1.1") == 1


def test_a_body_that_drips_is_a_408(server: Server) -> None:
    """Each byte comes long before the limit of a pause, and all of them together do not."""
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 5000\r\n\r\n")
        connection.settimeout(0.2)
        while True:
            try:
                answered = connection.recv(65536)
            except TimeoutError:
                connection.send(b"x")
            else:
                break
    assert answered.startswith(b"HTTP/1.1 408")


def test_a_large_body_without_a_key_does_not_stop_the_server(serve: Serve) -> None:
    """The answer arrives although nobody reads the body, and the same connection goes on."""
    guarded = serve(api_key="user-0123456789abcdef", max_body_bytes=10_000_000)
    body = b"x" * 5_000_000
    with guarded.connect() as connection:
        connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert answer(connection)[0] == 401
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer(connection)[0] == 200


def test_an_announced_body_over_the_limit_is_refused_before_it_comes(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 100001\r\n\r\n")
        assert answer(connection)[0] == 413


def test_unfinished_uploads_find_an_end_to_the_room(serve: Serve) -> None:
    """Of five large bodies at once one is refused; what the others hold is free when they have left."""
    roomy = serve(max_body_bytes=1_000_000)
    uploads = [roomy.connect() for _ in range(5)]
    for upload in uploads:
        upload.sendall(POST + b"Content-Length: 1000000\r\n\r\n" + b" " * 999_999)
    refused = select.select(uploads, [], [])[0]
    assert len(refused) == 1
    answered = refused[0].recv(65536)
    assert answered.startswith(b"HTTP/1.1 503")
    assert b"Retry-After: 5" in answered
    assert roomy.ask("small") == "You said: small"
    for upload in uploads:
        upload.close()
    text = "a" * 900_000
    while True:
        with roomy.post("/v1/tokenize", {"model": "nothing", "prompt": text}) as connection:
            if answer(connection)[0] == 404:
                break


def test_a_full_disk_under_the_log_does_not_stop_the_start(tmp_path: Path) -> None:
    write_fake_model(tmp_path / "models", "fake")
    port = free_port()
    argv = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        str(ROOT / "services/gunicorn_conf.py"),
        "tests.live.fake_app:create()",
    ]
    env = {**os.environ, "RKLLM_PORT": str(port), "RKLLM_MODELS_DIR": str(tmp_path / "models")}
    with open("/dev/full", "w") as full, subprocess.Popen(argv, cwd=ROOT, env=env, stdout=full, stderr=full) as process:
        try:
            assert answers(port, process)
        finally:
            process.terminate()
            process.wait(60)


def answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers; false if it ends before."""
    while process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return answer(connection)[0] == 200
        except ConnectionError:
            continue
    return False
