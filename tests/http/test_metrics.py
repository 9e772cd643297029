"""``GET /metrics`` and the log line of a request, through the application in process."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import falcon.testing
import pytest

from tests.engines import write_fake_model
from tests.http.conftest import Api

CHAT = "/v1/chat/completions"


def value(api: Api, name: str, **labels: str) -> float | None:
    return api.app.service.metrics.registry.get_sample_value(name, labels)


def requests(api: Api, reason: str, status: str = "200", endpoint: str = CHAT) -> float | None:
    return value(
        api, "rkllm_requests_total", endpoint=endpoint, model="fake", finished_reason=reason, status=status
    )  # fmt: skip


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    """The log lines of requests, as their fields."""
    found = [record for record in caplog.records if record.name == "services.api.http.middleware"]
    return [
        {key: json.loads(text) if text.startswith('"') else text for key, text in pairs(record.getMessage())}
        for record in found
    ]


def pairs(line: str) -> list[tuple[str, str]]:
    found = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)(?: |$)', line)
    assert " ".join(f"{key}={text}" for key, text in found) == line, "nothing but key=value"
    return found


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "services.api.http.middleware")
    return caplog


def test_the_page_is_prometheus_text_with_help_and_types(api: Api) -> None:
    result = api.http.simulate_get("/metrics")
    assert result.status_code == 200
    assert result.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE rkllm_time_to_first_token_seconds histogram" in result.text
    assert 'rkllm_build_info{machine="' in result.text
    assert 'rkllm_runtime_info{engine="llama",version="' in result.text
    assert 'rkllm_engine_restarts_total{model="fake"} 0.0' in result.text, "models on disk begin at 0"
    assert "process_resident_memory_bytes " in result.text


def test_vllm_names_have_a_switch(make: Callable[..., Api], tmp_path: Path) -> None:
    write_fake_model(tmp_path, "fake")
    assert "vllm:num_requests_running" in make().http.simulate_get("/metrics").text
    assert "vllm:" not in make(metrics_vllm_names=False).http.simulate_get("/metrics").text


@pytest.mark.parametrize("stream", [True, False])
def test_answers_are_counted_and_their_tokens(api: Api, stream: bool) -> None:
    api.chat({"tokens": 4}, stream=stream)
    api.chat({"tokens": 9}, stream=stream, max_tokens=3)
    assert requests(api, "stop") == 1
    assert requests(api, "length") == 1
    assert value(api, "rkllm_generation_tokens_total", model="fake") == 7
    assert value(api, "rkllm_prompt_tokens_total", model="fake") == 40
    assert value(api, "rkllm_time_to_first_token_seconds_count", model="fake") == 2
    assert value(api, "rkllm_inter_token_latency_seconds_count", model="fake") == 5
    assert value(api, "rkllm_http_requests_total", endpoint=CHAT, method="POST", status="200") == 2


def test_several_choices_are_one_request_and_several_runs(api: Api) -> None:
    api.chat({"tokens": 2}, n=3)
    assert requests(api, "stop") == 1
    assert value(api, "rkllm_e2e_request_latency_seconds_count", model="fake") == 3


def test_errors_have_their_status_and_a_broken_stream_has_none(api: Api) -> None:
    api.chat({"fault": "exit"})
    api.chat({"tokens": 3, "fault": "exit", "at": 2}, stream=True)
    api.text(json.dumps({"fault": "bad_request"}))
    api.chat({"tokens": 1})
    assert requests(api, "error", "502") == 1
    assert requests(api, "error", "200") == 1, "the status was sent before the engine died"
    assert requests(api, "error", "400", "/v1/completions") == 1
    assert requests(api, "stop") == 1
    assert value(api, "rkllm_requests_failed_total", model="fake", phase="decode", cause="engine_failed") == 1
    assert value(api, "rkllm_engine_restarts_total", model="fake") == 2
    assert value(api, "rkllm_generation_tokens_total", model="fake") == 3


def test_parameters_without_effect_are_counted(api: Api) -> None:
    api.chat(store=True, verbosity="low")
    api.chat(store=True)
    assert value(api, "rkllm_parameters_ignored_total", parameter="store") == 2
    assert value(api, "rkllm_parameters_ignored_total", parameter="verbosity") == 1


def test_nothing_a_client_makes_up_becomes_a_label(api: Api) -> None:
    def series(start: int) -> int:
        for index in range(start, start + 15):
            api.chat(model=f"made-up-{index}")
            api.http.simulate_get(f"/made/up/{index}")
            api.http.simulate_get(f"/v1/models/made-up-{index}")
            api.post("/v1/chat/completions", b"{")
            api.chat(**{f"parameter_{index}": 1})
        page = api.http.simulate_get("/metrics").text
        assert not [name for name in ("made-up", "made/up", "parameter_") if name in page]
        return page.count("\n")

    series(0)  # the page's own request is counted after it
    assert series(15) == series(30)
    assert value(api, "rkllm_http_requests_total", endpoint="none", method="GET", status="404") == 45
    assert value(api, "rkllm_http_requests_total", endpoint="/v1/models/{name}", method="GET", status="404") == 45


def test_a_request_has_one_log_line(api: Api, log: pytest.LogCaptureFixture) -> None:
    api.chat({"tokens": 3}, stream=True)
    (line,) = lines(log)
    assert list(line) == [
        "id", "method", "path", "status", "outcome", "total_ms", "model", "first_token_ms", "queue_ms", "load_ms",
        "prefill_ms", "decode_ms", "prompt_tokens", "cached_tokens", "completion_tokens",
    ]  # fmt: skip
    assert (line["method"], line["path"], line["status"], line["outcome"]) == ("POST", CHAT, "200", "stop")
    assert (line["model"], line["prompt_tokens"], line["completion_tokens"]) == ("fake", "20", "3")
    phases = sum(int(line[f"{name}_ms"]) for name in ("queue", "load", "prefill", "decode"))
    assert phases <= int(line["total_ms"]) + 4, "four roundings"


def test_the_id_of_the_log_line_is_that_of_the_response(api: Api, log: pytest.LogCaptureFixture) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}]}
    result = api.post(CHAT, body, headers={"X-Request-Id": "mine-1"})
    assert result.headers["X-Request-Id"] == "mine-1"
    assert lines(log)[0]["id"] == "mine-1"


@pytest.mark.parametrize(
    ("fault", "status", "outcome"), [("exit", "502", "error"), ("context", "400", "error"), ("none", "200", "stop")]
)
def test_the_log_line_has_the_outcome(
    api: Api, log: pytest.LogCaptureFixture, fault: str, status: str, outcome: str
) -> None:
    api.chat({"fault": fault, "phase": "prefill"})
    (line,) = lines(log)
    assert (line["status"], line["outcome"], line["model"]) == (status, outcome, "fake")


def test_a_stream_is_logged_at_its_end_and_whoever_leaves_is_an_abort(api: Api, log: pytest.LogCaptureFixture) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": json.dumps({"tokens": 50})}], "stream": True})
    env = falcon.testing.create_environ(CHAT, method="POST", host="localhost", body=body)
    stream = api.app(env, lambda *args: lambda data: None)
    next(iter(stream))
    assert not lines(log)
    stream.close()  # type: ignore[attr-defined]
    stream.close()  # type: ignore[attr-defined]
    (line,) = lines(log)
    assert (line["outcome"], line["status"], line["completion_tokens"]) == ("abort", "200", "1")
    assert requests(api, "abort") == 1
    assert value(api, "rkllm_requests_running", model="fake") == 0


def test_a_path_cannot_forge_a_log_line(api: Api, log: pytest.LogCaptureFixture) -> None:
    api.http.simulate_get("/x%0Aid=forged status=200 " + "y" * 1000)
    (line,) = lines(log)
    assert "\n" not in log.records[-1].getMessage()
    assert line["path"].startswith("/x\nid=forged")
    assert line["status"] == "404"
    assert len(line["path"]) == 200


def test_successful_probes_are_not_logged(api: Api, log: pytest.LogCaptureFixture) -> None:
    for path in ("/health", "/v1/ready", "/metrics"):
        api.http.simulate_get(path)
    assert not lines(log)
    api.http.simulate_get("/v1/models")
    assert [line["path"] for line in lines(log)] == ["/v1/models"]
