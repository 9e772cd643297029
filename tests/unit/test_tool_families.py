"""Read calls in the formats of all families, however an answer is cut into pieces.

The formats are those of published chat templates.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chat.tools import offer
from services.chat.tools.call import ParsedCall
from services.chat.tools.families import AUTO, BY_NAME, FAMILIES, of_model
from services.chat.tools.scan import Scanner
from services.chat.tools.values import typed_value
from services.core.model import OFF, REQUIRED_ONLY
from tests.engines import ROOT
from tests.unit.test_plan import MODEL

NOTE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "share": {"type": "number"},
        "open": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "place": {"$ref": "#/$defs/Place"},
        "until": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "$defs": {"Place": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
TOOLS = {"add": {"properties": {"a": {"type": "integer"}}}, "get_weather": {}, "note": NOTE}
ADD = ParsedCall("add", '{"a": 1}')


def call(name: str, **arguments: Any) -> ParsedCall:
    return ParsedCall(name, json.dumps(arguments, ensure_ascii=False))


def scanned(family: str, text: str, cuts: Iterable[int] = ()) -> list[str | ParsedCall]:
    """Return what a scanner finds in `text` cut at `cuts`, with neighbouring texts joined."""
    scanner = Scanner(BY_NAME[family], TOOLS)
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    found: list[str | ParsedCall] = []
    for start, end in itertools.pairwise(places):
        found += scanner.feed(text[start:end])
    joined: list[str | ParsedCall] = []
    for item in [*found, *scanner.finish()]:
        if isinstance(item, str) and joined and isinstance(joined[-1], str):
            joined[-1] += item
        else:
            joined.append(item)
    return joined


def in_any_cut(family: str, text: str) -> list[str | ParsedCall]:
    """Return what a scanner finds in `text`; check that it is the same in single characters and cut in two anywhere."""
    found = scanned(family, text)
    assert scanned(family, text, range(len(text))) == found
    for cut in range(len(text)):
        assert scanned(family, text, [cut]) == found
    return found


NESTED = call("note", text="día ☀ \"}'", count=3, share=0.5, open=True, tags=["a", "b"], place={"city": "北京"})
XML = (
    "<tool_call>\n<function=note>\n<parameter=text>\ndía ☀ \"}'\n</parameter>\n<parameter=count>\n3\n</parameter>\n"
    '<parameter=share>\n0.5\n</parameter>\n<parameter=open>\nTrue\n</parameter>\n<parameter=tags>\n["a", "b"]\n'
    '</parameter>\n<parameter=place>\n{"city": "北京"}\n</parameter>\n</function>\n</tool_call>'
)
PAIRS = (
    "<tool_call>note\n<arg_key>text</arg_key>\n<arg_value>día ☀ \"}'</arg_value>\n<arg_key>count</arg_key>\n"
    "<arg_value>3</arg_value>\n<arg_key>share</arg_key>\n<arg_value>0.5</arg_value>\n<arg_key>open</arg_key>\n"
    '<arg_value>true</arg_value>\n<arg_key>tags</arg_key>\n<arg_value>["a", "b"]</arg_value>\n'
    '<arg_key>place</arg_key>\n<arg_value>{"city": "北京"}</arg_value>\n</tool_call>'
)
TOKENS = (
    "<start_function_call>call:note{text:<escape>día ☀ \"}'<escape>,count:3,share:0.5,open:true,"
    "tags:[<escape>a<escape>,<escape>b<escape>],place:{city:<escape>北京<escape>}}<end_function_call>"
)
PYTHON = '[note(text="día ☀ \\"}\'", count=3, share=.5, open=True, tags=["a", "b"], place={"city": "北京"})]'
CODER = "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>"
GLM = "<tool_call>add\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>"
V3 = '<｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{"a": 1}\n```<｜tool▁call▁end｜>'
V31 = '<｜tool▁call▁begin｜>add<｜tool▁sep｜>{"a": 1}<｜tool▁call▁end｜>'
HARMONY = '<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a": 1}<|call|>'

CALLS: list[tuple[str, str, list[str | ParsedCall]]] = [
    ("hermes", '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>', [ADD]),
    ("hermes", 'I add.\n<tool_call>{"name":"add","arguments":{"a":1}}</tool_call> Done', ["I add.\n", ADD, "Done"]),
    ("hermes", '<tool_call>{"name":"add","arguments":{"a":1}}\n' * 2, [ADD, ADD]),
    ("hermes", '{"name": "add", "arguments": {"a": 1}}', [ADD]),
    ("hermes", '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}', [ADD]),
    ("hermes", '<tool_call>{"name": "add"}</tool_call>', [call("add")]),
    (
        "hermes",
        '<tool_call>{"name": "note", "arguments": {"text": "</tool_call> <tool_call>{"}}</tool_call>',
        [call("note", text="</tool_call> <tool_call>{")],
    ),
    ("qwen3_coder", CODER, [ADD]),
    ("qwen3_coder", f"I add.\n{CODER}\n{CODER}", ["I add.\n", ADD, ADD]),
    ("qwen3_coder", XML, [NESTED]),
    ("qwen3_coder", CODER.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>"), [ADD]),
    ("qwen3_coder", "<tool_call>\n<function=get_weather>\n</function>\n</tool_call>", [call("get_weather")]),
    (
        "qwen3_coder",
        "<tool_call>\n<function=note>\n<parameter=text>\n</parameter> and\n\n</function>\n</parameter>\n</function>",
        [call("note", text="</parameter> and\n\n</function>")],
    ),
    ("llama", '<|python_tag|>{"name": "add", "parameters": {"a": 1}}<|eom_id|>', [ADD]),
    ("llama", '{"name": "add", "parameters": {"a": 1}}; {"name": "add", "parameters": {"a": 1}}', [ADD, ADD]),
    ("llama", '{"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}', [ADD]),
    ("llama", 'Well: <function=add>{"a": 1}</function> Done', ["Well: ", ADD, "Done"]),
    ("llama", '<function=note>{"text": "</function>"}</function>', [call("note", text="</function>")]),
    ("llama", '<|python_tag|>note.call(text="x")<|eom_id|>', [call("note", text="x")]),
    ("llama", "[add(a=1), add(a=1)]", [ADD, ADD]),
    ("mistral", '[TOOL_CALLS][{"name": "add", "arguments": {"a": 1}}, {"name": "add"}]', [ADD, call("add")]),
    ("mistral", '[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1}, "id": "abcdefghi"}]', [ADD]),
    ("mistral", '[TOOL_CALLS]add[CALL_ID]ab1[ARGS]{"a": 1}[TOOL_CALLS]add{"a": 1}', [ADD, ADD]),
    (
        "mistral",
        'Well [TOOL_CALLS]note[ARGS]{"text": "[TOOL_CALLS]"} Done',
        ["Well ", call("note", text="[TOOL_CALLS]"), "Done"],
    ),
    ("mistral", 'add[ARGS]{"a": 1}', [ADD]),
    ("glm", GLM, [ADD]),
    ("glm", f"I add.\n{GLM}\n{GLM}\n", ["I add.\n", ADD, ADD]),
    ("glm", PAIRS, [NESTED]),
    ("glm", PAIRS.replace("\n", ""), [NESTED]),
    ("glm", GLM.removeprefix("<tool_call>").removesuffix("</tool_call>"), [ADD]),
    ("glm", "<tool_call>get_weather\n</tool_call>", [call("get_weather")]),
    (
        "glm",
        "<tool_call>note<arg_key>text</arg_key><arg_value>a</arg_value> <b></arg_value></tool_call>",
        [call("note", text="a</arg_value> <b>")],
    ),
    ("deepseek", f"<｜tool▁calls▁begin｜>{V3}<｜tool▁calls▁end｜>", [ADD]),
    ("deepseek", f"Hm.<｜tool▁calls▁begin｜>{V3}\n{V3}<｜tool▁calls▁end｜>", ["Hm.", ADD, ADD]),
    ("deepseek", f"<｜tool▁calls▁begin｜>{V31}{V31}<｜tool▁calls▁end｜> 完成", [ADD, ADD, "完成"]),
    ("deepseek", 'functionadd\n```json\n{"a": 1}\n```', [ADD]),
    ("deepseek", 'add{"a": 1}', [ADD]),
    (
        "deepseek",
        '<｜tool▁call▁begin｜>note<｜tool▁sep｜>{"text": "```<｜tool▁call▁end｜>"}<｜tool▁call▁end｜>',
        [call("note", text="```<｜tool▁call▁end｜>")],
    ),
    ("gemma", '```tool_code\nadd(a=1)\nprint(add(a=1))\n```', [ADD, ADD]),
    (
        "gemma",
        "I add.\n```tool_code\n[add(a=1), get_weather()]\n```\nDone",
        ["I add.\n", ADD, call("get_weather"), "Done"],
    ),
    ("gemma", PYTHON, [NESTED]),
    ("gemma", "note(text='''a)\n'b' ```''')", [call("note", text="a)\n'b' ```")]),
    ("gemma", '{"name": "add", "parameters": {"a": 1}}', [ADD]),
    ("gemma", "note(until=None, count=-2, open=true)", [call("note", until=None, count=-2, open=True)]),
    ("gemma", TOKENS, [NESTED]),
    ("gemma", TOKENS.replace("<escape>", '<|"|>').replace("<start_function_call>", "<|tool_call>"), [NESTED]),
    ("gemma", "こん <start_function_call>call:add{a:1}<end_function_call>" * 2, ["こん ", ADD, "こん ", ADD]),
    ("gemma", "call:get_weather{}<start_function_response>", [call("get_weather")]),
    ("gemma", 'call:note{text:<|"|>x, y<|"|>,until: soon }', [call("note", text="x, y", until="soon")]),
    (
        "gemma",
        "<start_function_call>call:note{text:<escape>},{<end_function_call><escape>}<end_function_call>",
        [call("note", text="},{<end_function_call>")],
    ),
    ("harmony", HARMONY, [ADD]),
    ("harmony", f"Well<|end|><|start|>assistant{HARMONY}", ["Well<|end|>", ADD]),
    ("harmony", f"{HARMONY}<|start|>assistant{HARMONY}", [ADD, ADD]),
    ("harmony", ' to=functions.add<|channel|>commentary json<|message|>{"a": 1}<|call|>', [ADD]),
    ("harmony", 'commentary to=functions.add json{"a": 1}', [ADD]),
    (
        "harmony",
        '<|channel|>commentary to=functions.note <|constrain|>json<|message|>{"text": "<|call|>"}<|call|>',
        [call("note", text="<|call|>")],
    ),
    ("json", '```json\n{"name": "add", "arguments": {"a": 1}}\n```', [ADD]),
    ("json", 'So:\n```\n{"name": "add", "arguments": {"a": 1}}\n```\nThat is it', ["So:\n", ADD, "That is it"]),
    ("json", '```json\n{"name": "add", "arguments": {"a": 1}}\n```\n' * 2, [ADD, ADD]),
    ("json", '{"tool_calls": [{"name": "add", "parameters": {"a": 1}}]}', [ADD]),
    ("json", '  {"name": "note", "arguments": {"text": "}\\"{"}}', [call("note", text='}"{')]),
]  # fmt: skip


@pytest.mark.parametrize(("family", "text", "found"), CALLS)
def test_calls_of_every_family(family: str, text: str, found: list[str | ParsedCall]) -> None:
    assert in_any_cut(family, text) == found


@pytest.mark.parametrize("family", sorted({family for family, _, _ in CALLS}))
def test_a_marker_is_enough_where_the_family_is_unknown(family: str) -> None:
    texts = [(text, found) for name, text, found in CALLS if name == family]
    marked = [each for each in texts if each[0].lstrip().startswith((*BY_NAME[family].markers, "{"))]
    assert marked
    for text, found in marked:
        assert in_any_cut("auto", text) == found, text


BROKEN = [
    "",
    "Hello.",
    " \n ",
    '{"answer": 5}',
    '{"name": "Bob", "age": 5}',
    '<tool_call>{"name": "unknown", "arguments": {}}</tool_call> and more',
    '<tool_call>{"name": "add", "arguments": [1]}</tool_call>',
    '<tool_call>{"name": "add", "arguments": {"a": NaN}}</tool_call>',
    '<tool_call>{"name": "add", "arguments": {"a": 1e999}}</tool_call>',
    '<tool_call>{"name": "add", "arguments": {"a": 1}',
    '<tool_call>{"name": "add" "arguments": {}}</tool_call>',
    "[TOOL_CALLS]nothing",
    "[TOOL_CALLS][1, 2]",
    'add is what {"a": 1} needs',
    '```python\nprint("add")\n```',
    "<|python_tag|>print(5)",
    "1 < 2 <tool",
    CODER.replace("add", "unknown"),
    CODER.replace("=add", "=add_more"),
    CODER.replace("\n</parameter>", ""),
    CODER.replace("\n</function>", ""),
    CODER[:-30],
    GLM.replace("add", "unknown"),
    GLM.replace("</arg_value>", ""),
    GLM.replace("<arg_value>", ""),
    GLM[:-1],
    V3.replace("add", "unknown"),
    V3.replace('{"a": 1}', '{"a": }'),
    V31[:-30],
    V31.replace("add", ""),
    HARMONY.replace("add", "unknown"),
    HARMONY.replace('{"a": 1}', "[1]"),
    HARMONY[:-10],
    "<|channel|>final<|message|>Hello",
    TOKENS.replace("note", "unknown"),
    TOKENS.replace("<escape>}", "}"),
    TOKENS[:-20],
    PYTHON.replace("note", "unknown"),
    PYTHON[:-2],
    PYTHON.replace("3", "f(3)"),
    "[add(a=1), unknown()]",
    "add(1)",
    "add(**x)",
    "add(a='\\N{no such}')",
    "add(a={1: 2, **x})",
    "add(a=b'x')",
    "add(a=\0)",
    "print(add(a=1)",
    "add(a=" + "-" * 20_000 + "1)",
    "add(a=" + "(" * 5_000,
    "<function=unknown>{}</function>",
    '<function=add>{"a": }</function>',
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_only_looks_like_a_call_is_text(text: str) -> None:
    expected = [text] if text else []
    for family in BY_NAME:
        assert scanned(family, text) == expected, family
        assert scanned(family, text, range(len(text))) == expected, family


@pytest.mark.parametrize("family", BY_NAME)
def test_json_that_is_too_deep_is_text(family: str) -> None:
    text = '{"name": "add", "arguments": ' + '{"a":' * 3000 + "1" + "}" * 3001
    assert scanned(family, text) == [text]


PIECES = st.sampled_from([
    "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "<|python_tag|>", "```", "```json\n", "\n", " ", "add",
    '{"name": "add", "arguments": {"a": 1}}', '{"name": "x"}', "{", "}", "[", "]", '"', "\\", "<", ";", "text", ",",
    "<function=", "add>", "</function>", "<parameter=a>", "</parameter>", "<arg_key>a</arg_key>", "<arg_value>",
    "</arg_value>", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "function",
    "```tool_code\n", "(a=1)",
    "('", "'", ")", "print(", "<start_function_call>", "call:add{", "a:1}", "<escape>", '<|"|>', "<|tool_call>",
    "<|start|>assistant", "<|channel|>", "commentary", " to=functions.", "<|message|>", "json", '{"a": 1}',
    CODER, GLM, V3, V31, HARMONY, TOKENS,
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    family=st.sampled_from(sorted(BY_NAME)),
    text=st.lists(PIECES, max_size=14).map("".join),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_the_same_over_any_cut(family: str, text: str, cuts: list[int]) -> None:
    found = scanned(family, text)
    assert scanned(family, text, cuts) == found
    assert scanned(family, text, range(len(text))) == found
    if not any(isinstance(item, ParsedCall) for item in found):
        assert "".join(map(str, found)) == text, "no character is lost"
    for item in found:
        if isinstance(item, ParsedCall):
            assert isinstance(json.loads(item.arguments), dict)


@pytest.mark.parametrize("family", BY_NAME)
def test_plain_text_is_not_held_back(family: str) -> None:
    scanner = Scanner(BY_NAME[family], TOOLS)
    assert scanner.feed("Hello") == ["Hello"]
    assert scanner.feed(" there < 5") == [" there < 5"]


def test_json_that_is_no_call_is_let_go_at_its_first_key() -> None:
    scanner = Scanner(BY_NAME["json"], TOOLS)
    assert scanner.feed('{"') == []
    assert scanner.feed("answer") == ['{"answer']


def test_an_unknown_name_is_let_go_at_once() -> None:
    scanner = Scanner(BY_NAME["qwen3_coder"], TOOLS)
    assert scanner.feed("<tool_call>\n<function=ad") == []
    assert "".join(map(str, scanner.feed("x"))) == "<tool_call>\n<function=adx"


HOSTILE = [
    "{", "{}", '{"name":', "name", "\n", " ", "add", '"', "(", "add(", "add('", "<", "\\",
    "<function=add>", "<function=add><parameter=", "<function=add><parameter=a></parameter>\n",
    "add<arg_key>a</arg_key><arg_value></arg_value> ", "add<arg_key>", "function<｜tool▁sep｜>add",
    "call:add{a:", "call:add{a:<escape>",
    "add(a='", "[add(a=1),", "print(add(", 'add(a="""', "commentary to=functions.add", "add[CALL_ID]",
]  # fmt: skip


@pytest.mark.parametrize("family", BY_NAME)
def test_a_hostile_answer_takes_linear_time(family: str) -> None:
    markers = ("```", "<tool_call>") if family == "auto" else BY_NAME[family].markers
    for marker, more in itertools.product(("", *markers), HOSTILE):
        piece = marker + more
        # At this length, quadratic time in Python would take seconds; linear time takes milliseconds.
        for text in (piece * (5_000 // len(piece)), marker + more * (5_000 // len(more))):
            start = time.process_time()
            found = scanned(family, text, range(0, len(text), 397))
            assert time.process_time() - start < 0.5, text[:60]
            if not any(isinstance(item, ParsedCall) for item in found):
                assert "".join(map(str, found)) == text


@pytest.mark.parametrize("family", BY_NAME)
def test_a_call_is_read_as_it_is_written(family: str) -> None:
    for expected in (ADD, NESTED, call("get_weather")):
        text = BY_NAME[family].format_call(expected.name, expected.arguments)
        assert in_any_cut(family, text) == [expected]
    assert "<function>" in BY_NAME[family].example_call()


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("5", "text", "5"),
        ("5", "count", 5),
        ("five", "count", "five"),
        ("5.5", "count", "5.5"),
        ("5.5", "share", 5.5),
        ("1e999", "share", "1e999"),
        ("9" * 5000, "count", "9" * 5000),
        ("False", "open", False),
        ("yes", "open", "yes"),
        (" [1, 2] ", "tags", [1, 2]),
        ("[1, 2", "tags", "[1, 2"),
        ('{"city": "x"}', "place", {"city": "x"}),
        ("null", "until", None),
        ("5", "until", "5"),
        ("5", "unknown", "5"),
    ],
)
def test_values_are_typed_by_the_schema(text: str, field: str, value: Any) -> None:
    assert typed_value(text, NOTE, field) == value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": ["string", "integer"]}, "5"),
        ({"type": ["integer", "null"]}, 5),
        ({"enum": [1, 2]}, 5),
        ({"const": "5"}, "5"),
        ({"allOf": [{"type": "integer"}]}, 5),
        ({"$ref": "#"}, "5"),
        ({"$ref": "#/$defs/none"}, "5"),
        ({"type": 5}, "5"),
        (True, "5"),
    ],
)
def test_what_schemas_say_of_a_type(schema: Any, value: Any) -> None:
    assert typed_value("5", {"properties": {"x": schema}}, "x") == value


TEMPLATES: list[tuple[str, str, bool]] = [
    ("{% if tools %}<tool_call>{% endif %}", "hermes", True),
    ("{% for tool in tools %}{% endfor %}[TOOL_CALLS]", "mistral", True),
    ("{%- if builtin_tools is defined or tools is not none %}<|python_tag|>", "llama", True),
    ("{% if tools %}<tool_call>\n<function=x>\n<parameter=y>{% endif %}", "qwen3_coder", True),
    ("{% if tools %}<tool_call>{name}\n<arg_key>{% endif %}", "glm", True),
    ("{% if tools %}<｜tool▁call▁begin｜>{% endif %}", "deepseek", True),
    ("{% if tools %}<|channel|>commentary{% endif %}", "harmony", True),
    ("{% if tools %}<start_of_turn><start_function_call>{% endif %}", "gemma", True),
    ("<start_of_turn>{{ messages }}", "gemma", False),
    ("{{ messages }} <tool_call>", "hermes", False),
    ("{% if tools %}our own way{% endif %}", "auto", False),
    ("{{ messages }}", "auto", False),
    ("", "auto", False),
]
"""A chat template, its family, and whether it describes tools."""


@pytest.mark.parametrize(("template", "family", "knows"), TEMPLATES)
def test_the_family_is_that_of_the_chat_template(template: str, family: str, knows: bool) -> None:
    model = replace(MODEL, chat_template=template)
    assert of_model(model).name == family
    assert offer.template_knows(model) is knows
    assert of_model(replace(model, tools="llama")).name == "llama"
    assert not offer.template_knows(replace(model, tools="json"))
    for setting in ("off", "required_only", ""):
        assert of_model(replace(model, tools=setting)).name == family


def test_every_family_has_a_name_and_markers_of_its_own() -> None:
    assert len(BY_NAME) == len(FAMILIES) + 1
    assert all(family.markers and family.closers for family in (AUTO, *FAMILIES))


def test_every_family_has_examples_and_a_row_in_the_document() -> None:
    assert {family for family, _, _ in CALLS} == {each.name for each in FAMILIES}
    assert {name for _, name, _ in TEMPLATES} == {"auto", *(each.name for each in FAMILIES if each.template_signs)}
    section = (ROOT / "docs" / "models.md").read_text().partition("\n## Tools\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(rows[1:]) == sorted([*BY_NAME, OFF, REQUIRED_ONLY]), "the first row is the heading"
