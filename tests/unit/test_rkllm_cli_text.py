"""The text of the `rkllm` program: endings are cut only where they end a turn, however the output was chunked."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.errors import EngineFailed
from services.core.message import Role, message
from services.engines.rkllm_cli.text import ERROR, MARKS, AnswerReader, greeting, one_line, prompt, row, until_end

USER, YOU = sorted(MARKS, reverse=True)
RULE = "I rkllm: " + "-" * 86 + "\n"
ROWS = (
    "I rkllm:  Prefill       235.31           24        9.80                     101.99\n"
    "I rkllm:  Generate      3512.16          60        58.54                    17.08\n"
)
STAGE = "I rkllm:  Stage         Total Time (ms)  Tokens    Time per Token (ms)      Tokens per Second\n"
NEW_TABLE = (
    f"{RULE}I rkllm:  Model init time (ms)  3237.19\n{RULE}{STAGE}{RULE}{ROWS}{RULE}"
    f"I rkllm:  Peak Memory Usage (GB)\nI rkllm:  1.67\n{RULE}"
)
OLD_TABLE = (
    f"{RULE}{STAGE}{RULE}I rkllm:  Init          2345.10          /         /                        /\n{ROWS}{RULE}"
    f"I rkllm:  Memory Usage (GB)\nI rkllm:  1.67\n{RULE}"
)
SHORT_TABLE = f"{RULE}{STAGE}{ROWS}I rkllm:  Peak Memory Usage (GB)  0.12\n"
TABLES = [NEW_TABLE, OLD_TABLE, SHORT_TABLE, SHORT_TABLE.replace("17.08", "inf").replace("58.54", "-nan")]

TEXTS = [
    "Hello",
    "a\n\nuser: b",
    "user: ",
    "\nuser: ",
    "You: and robot: LLM:",
    "[Tokens] 12\n[Token/s]: 3",
    "I rkllm: Generate",
    f"{SHORT_TABLE}was the table",
    f"{ROWS}",
    "it was a robot",
    f"it says {ERROR}",
    f"{ERROR}\nand on",
    "ends in line ends\n\n\n",
    "caf\u00e9 \U0001f98a",
    "",
]
SOUP = st.lists(st.sampled_from(["\n", "user: ", "us", "I rkllm: ", "-" * 30, "\\run", " error", "ab", RULE, ROWS]))


def spoken(output: str, chunks: list[bytes], mark: str = USER, table: bool = True) -> tuple[str, AnswerReader]:
    """The text of `output` that comes in `chunks`, and the `AnswerReader` at its end."""
    answer = AnswerReader(mark, 10**6)
    assert b"".join(chunks).decode() == output
    return "".join([*map(answer.feed, chunks), answer.end(table)]), answer


def cut(output: str, size: int) -> list[bytes]:
    data = output.encode()
    return [data[start : start + size] for start in range(0, len(data), size)]


def check_answer(text: str, table: str, mark: str) -> None:
    """Check that `text` comes out of the program's output, and that the rows of `table` are read."""
    output = f"{MARKS[mark]}{text}\n{table}{mark}"
    found, answer = spoken(output, cut(output, 1), mark, table=bool(table))
    assert found == text
    assert not answer.failed
    assert {name: found.tokens for name, found in answer.rows.items()} == (
        {"Prefill": 24, "Generate": 60} if table else {}
    )


@pytest.mark.parametrize("text", TEXTS)
def test_an_answer_comes_out_as_it_was_written(text: str) -> None:
    """Check texts with a table after them and without one; the table may come before the line end."""
    check_answer(text, "", USER)
    check_answer(text, NEW_TABLE, USER)
    output = f"robot: {text}{NEW_TABLE}\n{USER}"
    assert spoken(output, cut(output, 5))[0] == text


@pytest.mark.parametrize("table", ["", *TABLES])
@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_and_table_is_cut(mark: str, table: str) -> None:
    check_answer("a\n\nuser: b", table, mark)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_the_answer_ends_with_is_the_answers_when_the_runtimes_went_elsewhere(table: str) -> None:
    output = f"robot: look:\n{table}\n{USER}"
    assert spoken(output, cut(output, 5), table=False)[0] == f"look:\n{table}"


@given(
    text=SOUP.map("".join) | st.sampled_from(TEXTS),
    table=st.sampled_from(["", *TABLES]),
    mark=st.sampled_from(sorted(MARKS)),
    cuts=st.lists(st.integers(0, 400)),
)
def test_the_text_does_not_depend_on_the_chunks(text: str, table: str, mark: str, cuts: list[int]) -> None:
    output = f"{MARKS[mark]}{text}\n{table}{mark}"
    encoded = output.encode()
    places = sorted({0, len(encoded), *(cut % len(encoded) for cut in cuts)})
    chunks = [encoded[start:end] for start, end in itertools.pairwise(places)]
    whole = spoken(output, [encoded], mark, table=bool(table))[0]
    assert spoken(output, chunks, mark, table=bool(table))[0] == whole
    assert spoken(output, cut(output, 1), mark, table=bool(table))[0] == whole


def test_text_that_can_be_no_ending_is_held_back_by_nobody() -> None:
    answer = AnswerReader(USER, 100)
    assert [answer.feed(piece) for piece in (b"robot: ", b"a", b" b.", b"\n", b"c", b"\nus", b"ual")] == [
        "", "a", " b.", "", "\nc", "", "\nusual",
    ]  # fmt: skip


@pytest.mark.parametrize("before", ["", "some text"])
def test_an_error_of_the_runtime_is_recognised(before: str) -> None:
    output = f"robot: {before}{ERROR}\n{USER}"
    text, answer = spoken(output, cut(output, 3))
    assert (answer.failed, text) == (True, before)


def test_the_limit_cuts_after_so_many_tokens() -> None:
    answer = AnswerReader(USER, 2)
    assert [answer.feed(piece) for piece in (b"robot: ", b"one", b" two")] == ["", "one", " two"]
    assert answer.full
    assert answer.tokens == 2


def test_a_line_end_is_counted_once_it_is_known_to_be_text() -> None:
    answer = AnswerReader(USER, 2)
    assert [answer.feed(piece) for piece in (b"robot: ", b"one", b"\n", b"two")] == ["", "one", "", "\n"]
    assert answer.full


def test_the_end_of_an_answer_is_no_token() -> None:
    answer = AnswerReader(USER, 2)
    for piece in (b"robot: ", b"one", b"\n", b"\nuser: "):
        answer.feed(piece)
    assert answer.end(table=True) == ""
    assert (answer.full, answer.tokens) == (False, 1)


@pytest.mark.parametrize("output", ["model: hi\n\nuser: ", "rob\n\nuser: ", "robot: hi\n> "])
def test_an_unknown_build_is_named(output: str) -> None:
    with pytest.raises(EngineFailed, match="known build"):
        spoken(output, [output.encode()])


def test_a_greeting_tells_the_build() -> None:
    assert greeting("rkllm init success\n\nuser: ") == USER
    assert greeting("RKLLM starting\nrkllm init success\n\nYou: ") == YOU
    with pytest.raises(EngineFailed, match="'> '"):
        greeting("> ")


@pytest.mark.parametrize(
    "line",
    [
        "I rkllm: Generate",
        "Generate 1 2 3 4",
        "I rkllm: Generate 1 2 3 4 tokens",
        "I rkllm: Generate 1.2.3 2 3 4",
        f"I rkllm: Generate 1 {'9' * 5000} 3 4",
        "I rkllm: Generate . 2 3 4",
        "",
    ],
)
def test_other_lines_are_no_rows(line: str) -> None:
    assert row(line) is None


def test_a_question_alone_is_sent_as_it_is_and_a_conversation_by_line() -> None:
    assert prompt((message("user", "a\nb"),)) == "a\nb"
    roles: tuple[Role, ...] = ("system", "user", "assistant", "tool", "user")
    messages = tuple(message(role, role[0]) for role in roles)
    assert prompt(messages) == "System: s\nUser: u\nAssistant: a\nTool: t\nUser: u"
    turns = (message("user", "u"), message("assistant", "<think>hm</think>\na"), message("user", "v"))
    assert prompt(turns) == "u\nAssistant: a\nUser: v"


def test_line_ends_become_blanks() -> None:
    assert one_line("a\nb\r\nc\rd") == "a b c d"


def test_the_end_line_is_not_the_texts() -> None:
    assert until_end("a\n__END__\nb") == "a\n __END__\nb\n__END__"
