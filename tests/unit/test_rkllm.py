"""The pure parts of the NPU worker: prompts, sampling, what the library prints, the board."""

from __future__ import annotations

import ctypes
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.sampling import Sampling
from services.engines.npu import board, reports
from services.engines.npu.plain import neutral
from services.engines.registry import unsupported
from services.engines.rkllm import tokens as rkllm_tokens
from services.engines.rkllm.abi import FINISH, GROUPS, NORMAL
from services.engines.rkllm.answer import RunOutcome
from services.engines.rkllm.conversation import History, flattened
from services.engines.rkllm.counts import Counts
from services.engines.rkllm.pieces import Piece, copy_piece
from services.engines.rkllm.prompts import TemplatePrompts, opens
from services.engines.rkllm.runner import RkllmRunner
from services.engines.rkllm.runtime import Returned, RunInput
from services.engines.rkllm.sampling import DEFAULTS, effective
from services.engines.rkllm.tokens import Tokenized, missing_files
from services.engines.rkllm.vectors import Texts
from services.engines.worker.errors import LoadFailed, RequestRefused
from services.engines.worker.loop import Run
from services.engines.worker.reasoning import ReasoningGate
from tests.engines import request
from tests.npu import features_of, npu_model, npu_settings
from tests.simulator.build import RELEASES
from tests.simulator.model import SPECIAL, chatml, tokens, write_model

TALK = (("system", "Be kind."), ("user", "Hi."), ("assistant", "Hello!"), ("user", "Who are you?"))


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        (TALK[1:2], "Hi."),
        (TALK[:2], "Be kind.\n\nHi."),
        (TALK, "Be kind.\n\nHi.\n\nAssistant: Hello!\n\nUser: Who are you?"),
        ((*TALK[:3], ("tool", "42")), "Be kind.\n\nHi.\n\nAssistant: Hello!\n\nTool result: 42"),
        ((TALK[1], ("assistant", "<think>\nHm.\n</think>\n\nHello!")), "Hi.\n\nAssistant: Hello!"),
        ((TALK[1], ("assistant", "<think>cut")), "Hi.\n\nAssistant: "),
        ((("assistant", "Yes?"),), "Assistant: Yes?"),
    ],
)
def test_a_message_list_as_one_user_turn(messages: Any, text: str) -> None:
    assert flattened(messages) == text


def test_the_flattened_text_only_grows_while_a_conversation_goes_on() -> None:
    longer = (*TALK, ("assistant", "A box."), ("user", "Nice."))
    assert flattened(longer).startswith(flattened(TALK))
    assert flattened(TALK).startswith(flattened(TALK[:2]))


@pytest.mark.parametrize(
    "messages",
    [
        TALK,
        TALK[1:],
        (*TALK, ("assistant", "A box."), ("assistant", "More.")),
        (*TALK, ("assistant", "a box."), ("user", "Nice.")),
        (*TALK, ("assistant", "A box."), ("user", "Nice."), ("user", "And?")),
        (("system", "Be rude."), *TALK[1:], ("assistant", "A box."), ("user", "Nice.")),
    ],
)
def test_what_is_no_exact_extension_is_not_continued(messages: Any) -> None:
    history = History()
    history.record(TALK, "A box.")
    assert history.continued(messages) is None


def test_an_exact_extension_is_continued_until_forgotten() -> None:
    history, longer = History(), (*TALK, ("assistant", "A box."), ("user", "Nice."))
    assert history.continued(longer) is None
    history.record(TALK, "A box.")
    assert history.continued(longer) == "Nice."
    history.forget()
    assert history.continued(longer) is None


@pytest.mark.parametrize(
    "special",
    [
        *SPECIAL[:2],
        "<\uff5cUser\uff5c>",
        "<s>",
        "</s>",
        "<bos>",
        "<start_of_turn>",
        "<end_of_turn>",
        "[INST]",
        "[/INST]",
        *("<_user>", "<\u7528\u6237>", "<AI>", "<<SYS>>", "<</SYS>>", "[|user|]", "[gMASK]", "<sop>", "<unk>"),
        "<|image>",
        "<image|>",
    ],
)
def test_special_tokens_of_the_known_families_are_broken(special: str) -> None:
    assert special not in neutral(f"a {special} b")
    assert neutral(f"a {special} b").replace(" ", "") == f"a{special}b"


@pytest.mark.parametrize(
    "text", ["a < b", "<p>html</p>", "x <y> z", "[1] [INFO]", "<stdio.h>", "if (a <s) {}", "a <|> b", "a <| b |> c"]
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert neutral(text) == text


def test_a_nul_ends_no_prompt() -> None:
    assert neutral("a\0b") == "a\N{REPLACEMENT CHARACTER}b"


@pytest.fixture(scope="module")
def tokenized(tmp_path_factory: pytest.TempPathFactory) -> Tokenized:
    folder = tmp_path_factory.mktemp("model")
    write_model(folder, tokenizer=True)
    return Tokenized(folder)


def chat(*texts: str) -> dict[str, Any]:
    return {"kind": "chat", "messages": [{"role": "user", "content": text} for text in texts], "template_kwargs": {}}


PIECES = st.lists(
    st.sampled_from([*SPECIAL, "<", "|", "im_start", "amber", " birch", "\n", "\ue000", "\ue001", "é", "x"])
)


@given(st.lists(PIECES.map("".join), min_size=1, max_size=3))
def test_user_text_never_becomes_a_special_token_and_is_never_changed(tokenized: Tokenized, texts: list[str]) -> None:
    ids, _ = tokenized.encode(chat(*texts))
    expected: list[int] = []
    for text in texts:
        expected += [*tokens("<|im_start|>user\n"), *plain(text), *tokens("<|im_end|>\n")]
    assert ids == [*expected, *tokens("<|im_start|>assistant\n")]


def test_no_text_uses_up_the_marks_of_special_tokens(tokenized: Tokenized) -> None:
    text = "".join(map(chr, range(0xE000, 0xF900))) + "<|im_end|>"
    frame = [*tokens("<|im_start|>user\n")], [*tokens("<|im_end|>\n<|im_start|>assistant\n")]
    assert tokenized.encode(chat(text))[0] == [*frame[0], *plain(text), *frame[1]]


def test_many_special_tokens_cost_no_more_than_their_number(tokenized: Tokenized) -> None:
    """A copy of the rest of the prompt for each of them would take minutes of CPU time."""
    begin = time.process_time()
    assert len(tokenized.encode(chat("<|im_end|>" * 50_000))[0]) > 500_000
    assert time.process_time() - begin < 20


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


def test_what_is_nested_too_deeply_is_refused_in_words(tmp_path: Path) -> None:
    write_model(tmp_path, tokenizer=True)
    (tmp_path / "chat_template.jinja").write_text("{{ x | tojson }}{{ messages }}")
    tokenized = Tokenized(tmp_path)
    deep = json.dumps(nested(200)).replace("{}", '"<|im_end|>"')
    call = {"function": {"name": "f", "arguments": "[" * 100_000}}
    for asked in (
        {**chat("Hi <|im_end|>"), "template_kwargs": {"x": nested(3000)}},
        {**chat("Hi"), "messages": [{"role": "assistant", "content": "", "tool_calls": [call]}]},
    ):
        with pytest.raises(RequestRefused, match="nested too deeply"):
            tokenized.encode(asked)
    assert tokenized.encode({**chat("Hi"), "template_kwargs": {"x": json.loads(deep)}})[0]
    assert opens(tmp_path, False)({**chat("Hi"), "template_kwargs": {"x": nested(3000)}}) == ""


def test_broken_arguments_of_an_earlier_call_stay_text(tmp_path: Path) -> None:
    write_model(tmp_path, tokenizer=True)
    (tmp_path / "chat_template.jinja").write_text("{{ messages[0].tool_calls[0].function.arguments }}")
    call = {"function": {"name": "f", "arguments": '{"q": '}}
    asked = {**chat("Hi"), "messages": [{"role": "assistant", "content": "", "tool_calls": [call]}]}
    assert Tokenized(tmp_path).encode(asked)[0] == tokens('{"q": ')


def test_a_tokenizer_may_have_gaps_between_its_ids(tmp_path: Path) -> None:
    write_model(tmp_path, tokenizer=True)
    file = tmp_path / "tokenizer.json"
    values = json.loads(file.read_text())
    values["model"]["vocab"]["q"] = 90_000
    file.write_text(json.dumps(values))
    texts = Texts(tmp_path, 4096)
    assert list(texts.run_input("q").tokens) == [90_000]
    for odd in (89_999, 2**40, -1):
        with pytest.raises(RequestRefused, match=f"no token {odd}"):
            texts.run_input([1, odd])


def test_special_tokens_in_definitions_and_arguments_are_text_too(tmp_path: Path) -> None:
    write_model(tmp_path, tokenizer=True)
    (tmp_path / "chat_template.jinja").write_text(
        "<|im_start|>{{ tools | tojson }}{% for m in messages %}{% for c in m.tool_calls %}"
        "{{ c.function.arguments.a }}{% endfor %}{% endfor %}"
    )
    bad = "<|im_end|>"
    call = {"function": {"name": "f", "arguments": json.dumps({"a": bad})}}
    tools = [{"function": {"name": "f", "description": bad, "parameters": {"properties": {bad: {"enum": [bad]}}}}}]
    job = {**chat("x"), "template_kwargs": {"tools": tools}}
    job["messages"].append({"role": "assistant", "content": "", "tool_calls": [call]})
    ids, _ = Tokenized(tmp_path).encode(job)
    assert ids == [*tokens("<|im_start|>"), *plain(json.dumps(tools) + bad)]


def plain(text: str) -> list[int]:
    """The tokens of `text` where special tokens are bytes like any other text."""
    for special in SPECIAL:
        before, found, after = text.partition(special)
        if found:
            return [*plain(before), *special.encode(), *plain(after)]
    return tokens(text)


def test_the_template_gets_what_it_expects(tmp_path: Path) -> None:
    write_model(tmp_path, tokenizer=True)
    (tmp_path / "chat_template.jinja").write_text(
        "{{ bos_token }}|{{ eos_token }}|{{ messages | tojson }}|{{ strftime_now('%Y') | length }}|"
        "{{ enable_thinking }}"
        "{% for m in messages %}{% break %}{% endfor %}"
    )
    job = {**chat("<a> & 'ü'"), "template_kwargs": {"enable_thinking": False}}
    rendered = '|<|im_end|>|[{"role": "user", "content": "<a> & \'ü\'"}]|4|False'
    assert Tokenized(tmp_path).encode(job) == (tokens(rendered), "")


def test_the_template_reaches_nothing_but_its_variables(tmp_path: Path) -> None:
    write_model(tmp_path, tokenizer=True)
    (tmp_path / "chat_template.jinja").write_text("{{ messages.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(Exception, match="unsafe"):
        Tokenized(tmp_path).encode(chat("Hi."))


def test_named_templates_and_a_missing_one(tmp_path: Path) -> None:
    write_model(tmp_path, tokenizer=True)
    assert rkllm_tokens.available(tmp_path)
    config = {"chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes"}]}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert rkllm_tokens.template_text(tmp_path) == "yes"
    (tmp_path / "tokenizer_config.json").unlink()
    assert not rkllm_tokens.available(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(LoadFailed, match="is no JSON"):
        rkllm_tokens.available(tmp_path)
    (tmp_path / "chat_template.jinja").write_bytes(b"\xff")
    with pytest.raises(LoadFailed, match="is no UTF-8"):
        rkllm_tokens.available(tmp_path)


@pytest.mark.parametrize("template", [[1, {"template": "no"}, {"name": "default"}], {"default": "no"}, 1, None])
def test_what_is_no_template_is_a_missing_one(tmp_path: Path, template: Any) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    assert rkllm_tokens.template_text(tmp_path) == ""


def test_a_raw_prompt_is_taken_as_it_is(tokenized: Tokenized) -> None:
    text = chatml(({"role": "user", "content": "Hi."},))
    job = {"kind": "completion", "messages": (), "prompt": text, "prompt_ids": ()}
    assert tokenized.encode(job) == (tokens(text), "")


def test_sampling_has_defaults_and_values_the_library_takes() -> None:
    assert effective({}, DEFAULTS) == dict(DEFAULTS)
    assert effective({"temperature": 0.5, "seed": 3}, DEFAULTS) == {**DEFAULTS, "temperature": 0.5}
    assert effective({"temperature": 0}, DEFAULTS)["top_k"] == 1
    assert effective({"top_k": 0, "top_p": 0}, DEFAULTS) == {**DEFAULTS, "top_k": 1000, "top_p": 0.01}


@pytest.mark.parametrize("release", RELEASES)
def test_what_the_npu_ignores(tmp_path: Path, release: str) -> None:
    settings, model = npu_settings(tmp_path, release), npu_model(tmp_path)
    fixed = [] if features_of(release).sampling_per_run else ["temperature", "top_k"]
    sampling = Sampling(temperature=0.5, top_k=3, top_p=0.9, min_p=0, seed=1, logit_bias={"5": 1.0})
    asked = request(model, "Hi.", sampling=sampling, logprobs=2)
    assert unsupported(settings, asked) == ["seed", "logit_bias", "logprobs", *fixed]
    assert unsupported(settings, request(model, "Hi.", sampling=Sampling())) == []


def test_the_releases_fixed_sampling_is_that_of_the_model(tmp_path: Path) -> None:
    settings = npu_settings(tmp_path, "1.2.3")
    npu_model(tmp_path)
    (tmp_path / "sim" / "model.yaml").write_text("sampling: {temperature: 0.25}\n")
    model = npu_model(tmp_path)
    assert unsupported(settings, request(model, "Hi.", sampling=Sampling(temperature=0.25))) == []
    assert unsupported(settings, request(model, "Hi.", sampling=Sampling(temperature=0.8))) == ["temperature"]


def test_without_a_library_nothing_is_said_of_it(tmp_path: Path) -> None:
    settings = npu_settings(tmp_path, "1.2.3", runtime_library=tmp_path / "none")
    assert unsupported(settings, request(npu_model(tmp_path), "Hi.", sampling=Sampling(temperature=0.1))) == []


INIT = [
    "I rkllm: rkllm-runtime version: 1.2.3, rknpu driver version: 0.9.8, platform: RK3588",
    "I rkllm: rkllm-toolkit version: 1.2.1b1, max_context_limit: 4096, npu_core_num: 3, target_platform: RK3588, "
    "model_dtype: W8A8",
    "I rkllm: Enabled cpus: [4, 5, 6, 7]",
]


def test_metadata_of_an_init() -> None:
    assert reports.library_facts(INIT) == {
        "runtime": "1.2.3", "driver": "0.9.8", "platform": "RK3588", "toolkit": "1.2.1b1", "max_context_limit": 4096,
        "npu_core_num": 3, "target_platform": "RK3588", "model_dtype": "W8A8", "cpus": "4, 5, 6, 7",
    }  # fmt: skip
    assert reports.library_facts(["nothing", "of the kind"]) == {}
    assert reports.library_facts([INIT[0].replace("RK3588", "\u00b2")])["platform"] == "\u00b2", (
        "a digit, and no number"
    )
    assert reports.library_facts([INIT[1].replace("4096", "9" * 5000)]) == {}


def test_a_reason_is_the_librarys_complaint_and_a_remedy_for_it() -> None:
    line = "E rkllm: failed to malloc npu memory"
    assert reports.reason([*INIT, line], "-1").startswith(f"{line}. The NPU memory is short")
    assert reports.reason(INIT, "It failed").startswith(
        "It failed, and it printed no reason. The lines above in the log"
    )
    other = INIT[1].replace("RK3588", "RK3576")
    assert "converted for RK3576, and this board is an RK3588" in reports.reason([INIT[0], other], "-1")


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("Query platform error!", "The runtime does not know this chip"),
        ("Your platform is unknown", "The runtime does not know this chip"),
        ("GGML_ASSERT(ctx) failed", "The lines above in the log"),
        ("W rkllm: Warning: Your rknpu driver version is too low, please upgrade to 0.9.7", "Update the rknpu driver"),
    ],
)
def test_a_cause_counts_in_whatever_form_it_was_printed(line: str, remedy: str) -> None:
    assert reports.reason([*INIT, line], "-1").startswith(f"{line.rstrip('.')}. {remedy}")


def test_every_remedy_that_applies_is_named() -> None:
    lines = [
        "W rkllm: Warning: Your rknpu driver version is too low, please upgrade to 0.9.7",
        "E rkllm: failed to malloc npu memory",
        "E rkllm: rkllm_init failed",
    ]
    text = reports.reason(lines, "-1")
    assert "The NPU memory is short" in text
    assert "Update the rknpu driver" in text
    assert "damaged" not in text


def test_a_prompt_that_is_too_long_in_the_librarys_words() -> None:
    line = "error: prompt gather than max context (prompt: 1299 tokens, max context: 1020)"
    assert reports.too_long([*INIT, line]) == (1299, 1020)
    assert reports.too_long(INIT) is None
    assert reports.too_long([line.replace("1299", "9" * 5000)]) is None


@pytest.mark.parametrize(
    ("names", "mask"),
    [
        (b"rockchip,rk3588s-orangepi-5\0rockchip,rk3588\0", 0xF0),
        (b"rockchip,rk3576\0", 0xF0),
        (b"rockchip,rk3562\0", 0x0F),
        (b"qemu,virt\0", 0x0F),
        (None, 0x0F),
    ],
)
def test_the_cpu_mask_of_a_chip(tmp_path: Path, names: bytes | None, mask: int) -> None:
    if names is not None:
        (tmp_path / "compatible").write_bytes(names)
    assert board.cpu_mask(tmp_path / "compatible") == mask


def test_memory_is_held_against_the_files_size_and_the_context(tmp_path: Path) -> None:
    model, meminfo = tmp_path / "m.rkllm", tmp_path / "meminfo"
    with model.open("wb") as file:
        file.truncate(100 * 2**20)
    meminfo.write_text(f"MemTotal: 9999999 kB\nMemAvailable:   {121 * 1024} kB\n")
    board.check_memory(model, 6250, meminfo)
    meminfo.write_text(f"MemTotal: 9999999 kB\nMemAvailable:   {119 * 1024} kB\n")
    with pytest.raises(LoadFailed, match=r"at least 120 MiB, 119 MiB are available") as caught:
        board.check_memory(model, 6250, meminfo)
    assert caught.value.kind == "unavailable"
    board.check_memory(model, 6250, tmp_path / "no meminfo")


def test_a_lock_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match=r"cannot be opened: .*set npu_lock"):
        board.lock(str(tmp_path / "nowhere" / "lock"))


GATED = [
    ("plain answer", "", "plain answer"),
    ("<think>\nhm\n</think>\n\nyes", "<think>\nhm\n</think>", "\n\nyes"),
    ("\n <thinking>a</think>b</thinking>c", "\n <thinking>a</think>b</thinking>", "c"),
    ("<think>no end", "<think>no end", ""),
    ("<thin", "", "<thin"),
    ("<thinker>", "", "<thinker>"),
    ("a <think>b</think>", "", "a <think>b</think>"),
    (" \n", "", " \n"),
    ("", "", ""),
]


@pytest.mark.parametrize(("text", "reasoning", "rest"), GATED)
def test_where_reasoning_ends(text: str, reasoning: str, rest: str) -> None:
    for size in (1, 2, 3, 100):
        gate = ReasoningGate()
        parts = [gate.feed(text[i : i + size]) for i in range(0, len(text), size)]
        assert ("".join(a for a, _ in parts), "".join(b for _, b in parts) + gate.flush()) == (reasoning, rest), size


def test_reasoning_that_the_prompt_has_begun() -> None:
    gate = ReasoningGate("<think>")
    assert [gate.feed(piece) for piece in ("hm</th", "ink>yes", "</think>")] == [
        ("hm</th", ""), ("ink>", "yes"), ("", "</think>")
    ]  # fmt: skip


class Scripted:
    """A runtime that returns from its runs with what it was told."""

    features = GROUPS[-1].features
    foreign = False

    def __init__(self, *runs: list[Piece]) -> None:
        self._runs = list(runs)
        self._events: list[Piece | Returned] = []
        self.calls: list[str] = []
        self.empties = True

    def start(self, given: RunInput, sampling: dict[str, float], limit: int) -> None:
        self.calls.append("run")
        self._events += [*self._runs.pop(0), Returned(0)]

    def next(self, timeout: float | None) -> Piece | Returned:
        return self._events.pop(0)

    def abort(self) -> None:
        self.calls.append("abort")

    def wake(self) -> None:
        pass

    def empty(self) -> bool:
        self.calls.append("clear")
        return self.empties

    def kv_size(self) -> int:
        return 0


class Parent:
    """What a `Run` writes to."""

    def __init__(self) -> None:
        self.cancelled = 0
        self.written: list[dict[str, Any]] = []

    def write(self, message: dict[str, Any]) -> None:
        self.written.append(message)


class Silent:
    def say(self, text: str) -> None:
        pass

    def clear(self) -> None:
        pass

    def lines(self) -> list[str]:
        return []


WORD, END = Piece(NORMAL, b"yes", 5), Piece(FINISH, b"", -1)


def npu(*runs: list[Piece]) -> tuple[RkllmRunner, Scripted]:
    runtime: Any = Scripted(*runs)
    tap: Any = Silent()
    return RkllmRunner(runtime, TemplatePrompts(64, False, lambda job: ""), tap, {"context_length": 64}, {}, 0), runtime


def run_of(engine: RkllmRunner, number: int, stop: tuple[str, ...] = ()) -> list[str]:
    parent: Any = Parent()
    asked = {**chat("Hi."), "max_tokens": 9, "sampling": {}}
    run = Run(number, stop, parent)
    run.finish(engine.run(asked, run))
    return [message.get("text", message.get("finish_reason")) for message in parent.written]


def test_a_run_that_a_late_abort_ended_is_run_again() -> None:
    engine, runtime = npu([WORD, END], [END], [WORD, END], [END])
    assert run_of(engine, 1, stop=("yes",)) == ["stop"]
    assert run_of(engine, 2) == ["yes", "stop"]
    assert runtime.calls == ["run", "abort", "clear", "run", "clear", "run"]


def test_a_piece_that_cannot_be_reported_fails_its_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, runtime = npu([WORD, WORD, END], [WORD, END])
    with monkeypatch.context() as patched:
        patched.setattr(Parent, "write", refuse)
        with pytest.raises(RequestRefused):
            run_of(engine, 1)
    assert run_of(engine, 2) == ["yes", "stop"]
    assert runtime.calls == ["run", "abort", "clear", "run"]


def refuse(_parent: Parent, _message: dict[str, Any]) -> None:
    raise RequestRefused("It is larger than a line.")


def test_an_answer_that_is_empty_by_itself_is_not_run_again() -> None:
    engine, runtime = npu([WORD, END], [END])
    assert run_of(engine, 1) == ["yes", "stop"]
    assert run_of(engine, 2) == ["stop"]
    assert runtime.calls == ["run", "run"]


@pytest.mark.parametrize(
    ("read", "generated", "size", "says"),
    [
        (9, 3, 12, ""),
        (4, 3, 12, ""),
        (9, 3, 11, ""),
        (9, 3, 13, ""),
        (9, 3, 0, ""),
        (10, 3, 12, "it read 10 tokens of a prompt of at most 9 tokens"),
        (9, 3, 14, "its cache has 14 tokens after a prompt and an answer of 12"),
        (9, 3, 5, "its cache has 5 tokens after a prompt and an answer of 12"),
    ],
)
def test_counters_are_held_against_what_was_given(read: int, generated: int, size: int, says: str) -> None:
    tap: Any = Silent()
    outcome = RunOutcome(finished=True, shown=generated, perf={"prefill_tokens": read})
    assert Counts(tap, 64).contradiction(RunInput(tokens=[1] * 9), 9, outcome, size) == says
    outcome.aborted = True
    assert Counts(tap, 64).contradiction(RunInput(tokens=[1] * 9), 9, outcome, size) == ""


def test_a_counter_that_no_text_can_have_is_no_count_of_a_prompt() -> None:
    tap: Any = Silent()
    outcome = RunOutcome(finished=True, perf={"prefill_tokens": 1_084_227_584})
    says = "it read 1084227584 tokens of a prompt of at most 67 bytes and a template"
    assert Counts(tap, 64).contradiction(RunInput("Hi."), 0, outcome, 70) == says


def test_a_cache_that_nothing_empties_is_told() -> None:
    engine, runtime = npu([WORD, END])
    assert run_of(engine, 1, stop=("yes",)) == ["stop"]
    runtime.empties = False
    with pytest.raises(RequestRefused, match="neither clear its cache nor load the model again"):
        run_of(engine, 2)


def test_a_counter_that_can_be_none_is_a_zero() -> None:
    """It would make the line to the parent no JSON, or a count of less than nothing."""
    result = GROUPS[0].structs["RKLLMResult"](text=b"x", token_id=3)
    result.perf.prefill_time_ms, result.perf.memory_usage_mb = float("nan"), float("inf")
    result.perf.prefill_tokens, result.perf.generate_time_ms = -7, -1.0
    perf = copy_piece(ctypes.pointer(result), FINISH).perf
    assert not any(perf.values())


@pytest.mark.parametrize(
    ("tokenizer", "template", "says"),
    [
        (False, False, "Put the model's tokenizer.json and chat template"),
        (False, True, "Put the model's tokenizer.json beside it"),
        (True, False, "Put the model's chat template"),
        (True, True, "Set npu_prompt to auto"),
    ],
)
def test_a_model_whose_tokens_nobody_tells_says_what_it_lacks(
    tmp_path: Path, tokenizer: bool, template: bool, says: str
) -> None:
    if tokenizer:
        (tmp_path / "tokenizer.json").write_text("{}")
    if template:
        (tmp_path / "chat_template.jinja").write_text("x")
    with pytest.raises(RequestRefused, match=says):
        TemplatePrompts(64, False, lambda job: "", missing_files(tmp_path)).data({"kind": "count"})
