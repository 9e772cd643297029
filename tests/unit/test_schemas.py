"""Schemas: what becomes of each kind of them, and that nothing that is promised can be broken unseen."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from services.answering import judge, promise
from services.api.dialects.common.parameters import template_variables
from services.chat.schemas.bounds import MAX_OPTIONAL, Costly, check_bounds, check_cost
from services.chat.schemas.checks import check_schemas
from services.chat.schemas.compile import Unusable, compiled
from services.chat.schemas.match import Unsatisfied, matching_json
from services.chat.schemas.narrow import prepared
from services.chat.schemas.patterns import repetition
from services.core.errors import BadRequest, Unavailable
from services.core.events import Text
from services.core.request import GenerationRequest, Tool
from tests.grammars import allows, written
from tests.unit.test_plan import USER, planned

SCHEMAS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "schemas.json").read_text())
"""Schemas of every keyword. ``verdict`` is what becomes of each; ``wrong`` is a value that violates it."""

USABLE = [entry for entry in SCHEMAS if entry["verdict"] in ("enforced", "checked")]


def verdict(schema: dict[str, Any]) -> str:
    try:
        check_bounds(schema, "x", "x")
        return "enforced" if compiled({}, schema).complete else "checked"
    except BadRequest:
        return "contradictory"
    except Unusable as error:
        return error.fault


def named(entries: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=[entry["keyword"] for entry in entries])


@named(SCHEMAS)
def test_what_becomes_of_a_schema(entry: dict[str, Any]) -> None:
    assert verdict(entry["schema"]) == entry["verdict"]


@named([entry for entry in USABLE if "wrong" in entry])
def test_a_wrong_answer_is_refused_by_the_check_and_by_a_complete_grammar(entry: dict[str, Any]) -> None:
    schema, wrong = entry["schema"], json.dumps(entry["wrong"])
    with pytest.raises(Unsatisfied):
        matching_json(wrong, schema)
    assert not (entry["verdict"] == "enforced" and allows(compiled({}, schema).rules, wrong))


@named([entry for entry in USABLE if entry["verdict"] == "enforced"])
def test_what_a_complete_grammar_allows_is_right(entry: dict[str, Any]) -> None:
    rules = compiled({}, entry["schema"]).rules
    for seed in range(3):
        text = written(rules, seed)
        assert text is None or is_right(text, entry["schema"]), text


def is_right(text: str, schema: dict[str, Any]) -> bool:
    try:
        return matching_json(text, schema) == text
    except Unsatisfied as complaint:
        return "key twice" in str(complaint)


def names(count: int) -> list[str]:
    return [f"name{number}" for number in range(count)]


def nested(schema: dict[str, Any], levels: int) -> dict[str, Any]:
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def chain(count: int) -> dict[str, Any]:
    links = {f"a{n}": {"properties": {"b": {"$ref": f"#/$defs/a{n + 1}"}}} for n in range(count)}
    return {"$ref": "#/$defs/a0", "$defs": {**links, f"a{count}": {}}}


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"enum": names(9_000)}, "enforced"),
        ({"type": "object", "properties": dict.fromkeys(names(3_000), True), "required": names(3_000)}, "enforced"),
        ({"type": "object", "properties": dict.fromkeys(names(MAX_OPTIONAL), True)}, "enforced"),
        ({"type": "object", "properties": dict.fromkeys(names(MAX_OPTIONAL + 1), True)}, "costly"),
        ({"anyOf": [{"type": "object", "properties": dict.fromkeys(names(300), True)}] * 9}, "no_grammar"),
        ({"anyOf": [{"properties": {name: {}}, "required": [name]} for name in names(300)]}, "enforced"),
        (nested({"type": "integer"}, 50), "enforced"),
        ({"type": "string", "minLength": 100_000, "maxLength": 1_000_000}, "enforced"),
        ({"type": "array", "maxItems": 100_000}, "enforced"),
        ({"type": "array", "minItems": 100_000}, "checked"),
        ({"type": "integer", "maximum": 2**64}, "enforced"),
        ({"type": "integer", "minimum": 2**64}, "checked"),
        ({"type": "integer", "minimum": 2**53 + 1}, "checked"),
        ({"const": 2**53 + 1}, "checked"),
        ({"enum": [0, {"a": [-(2**53) - 1]}]}, "checked"),
        ({"const": 2**53}, "enforced"),
        ({"const": 1e22}, "enforced"),
        ({"const": '"' + "x" * 31}, "checked"),
        ({"const": '"' + "x" * 30}, "enforced"),
        ({"enum": ["a", {"b": ["line\n" * 7]}]}, "checked"),
        ({"const": "x" * 1_000}, "enforced"),
        ({"type": "string", "pattern": '^"' + "x" * 31}, "checked"),
        ({"type": "string", "pattern": r"^a\n[bc]$"}, "checked"),
        ({"type": "string", "pattern": r"^[a-z]:\\[a-z]+$"}, "checked"),
        ({"type": "string", "pattern": '^["]b+$'}, "checked"),
        ({"type": "string", "pattern": r'^[\n"]{3}[^"]+\.$'}, "enforced"),
        ({"type": "string", "pattern": "^[[:alpha:]]+$"}, "checked"),
        ({"type": "string", "pattern": "^[a-z&&b]$"}, "checked"),
        ({"type": "string", "pattern": "^[a-z--b]$"}, "checked"),
        ({"type": "string", "pattern": "^[a~~b]$"}, "checked"),
        ({"type": "string", "pattern": r"^[\[a&\--z]--$"}, "enforced"),
        ({"patternProperties": {f"^{name}$": {} for name in names(16)}, "additionalProperties": False}, "enforced"),
        ({"patternProperties": {f"^{name}$": {} for name in names(17)}, "additionalProperties": False}, "checked"),
        ({"type": "object", "patternProperties": {"^[[:alpha:]]$": {}}, "additionalProperties": False}, "checked"),
        ({"type": "integer", "multipleOf": 9_973}, "enforced"),
        ({"type": "integer", "multipleOf": 999_979}, "checked"),
        ({"type": "integer", "multipleOf": 9_973, "minimum": 12_345, "maximum": 123_456_789}, "checked"),
        ({"type": "object", "properties": {"a": {"type": "number", "multipleOf": 0.00973}}}, "checked"),
        ({"type": "string", "pattern": "^a{10000}$"}, "enforced"),
        ({"type": "string", "pattern": "^a{10001}$"}, "costly"),
        ({"type": "string", "pattern": "^((a{100}){100}){10}$"}, "costly"),
        (chain(99), "enforced"),
        (chain(3_000), "costly"),
        ({"type": "string", "minLength": 2.0}, "enforced"),
        ({"type": "object", "exclusiveMinimum": True, "minimum": 1}, "enforced"),
        ({"type": "string", "format": "a note of ours"}, "enforced"),
        ({"type": "string", "format": "date", "pattern": "^2"}, "enforced"),
        ({"type": "string", "format": "date", "enum": ["2023-02-29", "2023-03-01"]}, "checked"),
        ({"type": "string", "format": "uri-reference", "pattern": "^/"}, "checked"),
        ({"type": "number", "exclusiveMaximum": 0}, "checked"),
        ({"type": "integer", "exclusiveMaximum": 0}, "enforced"),
        ({"type": "string", "pattern": r"\S+.*\S", "minLength": 100}, "checked"),
        ({"type": "string", "x-guidance": {"lenient": True}, "not": {"const": "a"}}, "checked"),
    ],
)  # fmt: skip
def test_what_becomes_of_a_large_or_odd_one(schema: dict[str, Any], found: str) -> None:
    assert verdict(schema) == found


@pytest.mark.parametrize(
    ("schema", "right"),
    [
        ({"const": 2**53 + 1}, 2**53 + 1),
        ({"const": {"a": 'He said "Hello" to the whole wide world'}}, {"a": 'He said "Hello" to the whole wide world'}),
        ({"type": "string", "pattern": r'^(a\n")bcdefghijklmnopqrstuvwxyz1234$'}, 'a\n"bcdefghijklmnopqrstuvwxyz1234'),
        ({"enum": [{"a": 2**60 + 1}]}, {"a": 2**60 + 1}),
        ({"type": "string", "pattern": "^[[:alpha:]]+$"}, "a]"),
        ({"type": "object", "patternProperties": {"^[a&&b]$": {"const": 1}}, "additionalProperties": False}, {"a": 1}),
        ({"patternProperties": {f"^{name}": {} for name in names(17)}, "additionalProperties": False}, {"name0": 1}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, 2),
        ({"type": "integer", "maximum": 2**60, "exclusiveMaximum": True}, 2),
    ],
)  # fmt: skip
def test_a_grammar_allows_what_is_right(schema: dict[str, Any], right: Any) -> None:
    assert matching_json(json.dumps(right), schema)
    assert allows(compiled({}, schema).rules, json.dumps(right))


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"format": "date"}, ["2024-02-29", "2000-02-29", "2023-12-31"], ["2023-02-29", "1900-02-29", "2023-04-31"]),
        ({"format": "date", "pattern": "^2"}, ["2024-02-29"], ["2023-02-29", "1904-02-29"]),
        ({"format": "time"}, ["23:59:59.5+01:30"], ["12:00:60Z", "24:00:00Z", "12:00:00"]),
        ({"format": "date-time"}, ["2024-02-29T23:59:59Z"], ["2023-02-29T23:59:59Z", "2024-02-29T12:00:60Z"]),
        ({"format": "email"}, ["a.b+c@d-e.org"], [f"{'a' * 65}@b.org", "a@b-.org", "a"]),
        ({"format": "uri-reference"}, ["/a/b?c=1#d", "a.html", "https://a.org/b"], ["a b", "%x", "^"]),
        ({"format": "uri"}, ["https://a.org:80/b?c#d", "mailto:a@b.org"], ["/a", "a b"]),
        ({"pattern": "^.$"}, ["a", "\x85"], ["\r", "\n", "\u2028"]),
        ({"pattern": r"^[\sx]\S$"}, ["\ufeffa", "xa"], ["\x85a", "x\ufeff"]),
        ({"pattern": r'^[^"\\]+b$'}, ["ab", "/b"], ['a"b', "\\b"]),
        ({"pattern": "^[^!-~]+b$"}, [" b", "éb"], ['"b', "\\b", "ab"]),
        ({"pattern": r"^[^\s.]\.$"}, ["a."], [" .", "..", "a,"]),
    ],
)
def test_a_grammar_takes_texts_as_the_check_does(schema: dict[str, Any], right: list[str], wrong: list[str]) -> None:
    found = compiled({}, {"type": "string", **schema})
    assert found.complete
    assert [text for text in right + wrong if allows(found.rules, json.dumps(text, ensure_ascii=False))] == right
    for text in wrong:
        with pytest.raises(Unsatisfied):
            matching_json(json.dumps(text), schema)


DESCRIBED: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
OTHER: dict[str, Any] = {"properties": {"b": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("schema", "further"),
    [
        (DESCRIBED, False),
        ({"$ref": "#/$defs/a", "$defs": {"a": DESCRIBED}}, False),
        ({"anyOf": [DESCRIBED, {"type": "null"}]}, False),
        ({**DESCRIBED, "additionalProperties": True}, True),
        ({**DESCRIBED, "required": ["a", "b"]}, True),
        ({"allOf": [DESCRIBED, OTHER]}, True),
        ({**DESCRIBED, "anyOf": [OTHER]}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": DESCRIBED}, **OTHER}, True),
    ],
)
def test_an_object_gets_further_properties_only_where_its_schema_speaks_of_them(
    schema: dict[str, Any], further: bool
) -> None:
    found = compiled({}, schema)
    assert found.complete
    assert allows(found.rules, '{"a": 1}') is ("b" not in str(schema.get("required")))
    assert allows(found.rules, '{"a": 1, "b": 2}') is further


def test_a_wide_bound_is_checked_even_though_the_grammar_has_none() -> None:
    schema = {"type": "integer", "maximum": 2**64}
    assert "maximum" not in prepared(schema)
    with pytest.raises(Unsatisfied, match="maximum"):
        matching_json(str(2**64 + 1), schema)


@pytest.mark.parametrize(
    ("pattern", "product", "reverse"),
    [
        ("^a{5,2}$", 5, "{5,2}"),
        ("((a{100}){100}){10}", 100_000, ""),
        ("(a{9}|b{7,8}){2,}c{3}{4}", 18, ""),
        (r"[{5,2}]\{5,2}\[a{3}]", 3, ""),
        (r"[\]{5,2}]", 1, ""),
        ("a{,9}", 1, ""),
        (")){3}(", 3, ""),
        ("a{" + "9" * 5_000 + "}", 10**9, ""),
        ("(" * 3_000 + "a" + "){9999}" * 3_000, 10**9, ""),
    ],
)
def test_what_the_counts_of_a_pattern_mean(pattern: str, product: int, reverse: str) -> None:
    found = repetition(pattern)
    assert (found.product, found.reverse) == (product, reverse)


@pytest.mark.parametrize(
    "bounds",
    [
        {"minLength": 5, "maxLength": 2},
        {"minItems": 5, "maxItems": 2},
        {"minProperties": 5, "maxProperties": 2},
        {"contains": True, "minContains": 5, "maxContains": 2},
        {"minimum": 5, "maximum": 2},
        {"minimum": 0.1, "exclusiveMaximum": 0.1},
        {"exclusiveMinimum": 5, "maximum": 5},
        {"minimum": 5, "maximum": 5, "exclusiveMaximum": True},
        {"type": "integer", "exclusiveMinimum": 5, "exclusiveMaximum": 6},
        {"type": "integer", "minimum": 0.2, "maximum": 0.8},
        {"type": "integer", "minimum": 15 * 10**307, "maximum": 1e308},
        {"pattern": "a{3,1}"},
        {"patternProperties": {"a{3,1}": True}},
    ],
)
def test_contradicting_bounds_are_refused_at_any_place(bounds: dict[str, Any]) -> None:
    for schema in (
        bounds,
        {"properties": {"a": bounds}},
        {"anyOf": [True, {"items": [bounds]}]},
        {"$defs": {"a": bounds}},
    ):
        with pytest.raises(BadRequest, match="contradicts itself"):
            check_schemas(schema, [])
        with pytest.raises(BadRequest, match="tool 'f'"):
            check_schemas(None, [Tool("f", "", schema)])


@pytest.mark.parametrize(
    "schema",
    [
        {"minimum": 5, "maximum": 5},
        {"type": "integer", "exclusiveMinimum": 5, "exclusiveMaximum": 7},
        {"minimum": 1, "exclusiveMaximum": 1.5},
        {"minLength": 2, "maxLength": 2},
        {"minimum": 10**300, "maximum": True},
        {"const": {"minLength": 5, "maxLength": 2}},
        {"enum": [{"minLength": 5, "maxLength": 2}]},
        {"properties": {"minLength": {"const": 5}, "maxLength": {"const": 2}}},
    ],
)
def test_bounds_that_something_satisfies_pass(schema: dict[str, Any]) -> None:
    check_schemas(schema, [Tool("f", "", {"properties": {"a": schema}})])


@pytest.mark.parametrize("kind", ["string", ["array", "null"]])
def test_arguments_that_are_no_object_are_refused(kind: Any) -> None:
    with pytest.raises(BadRequest, match="always an object"):
        check_schemas(None, [Tool("f", "", {"type": kind})])


@pytest.mark.parametrize("kind", ["object", ["object", "null"], None, "", {}])
def test_arguments_that_may_be_an_object_pass(kind: Any) -> None:
    check_schemas(None, [Tool("f", "", {"type": kind})])


@pytest.mark.parametrize("number", [10**309, -(10**309)])
def test_an_integer_that_no_float_can_be_is_refused_with_its_field(number: int) -> None:
    check_bounds({"type": "integer", "minimum": number, "maximum": number}, "s", "s")
    with pytest.raises(BadRequest, match="308 digits") as raised:
        template_variables({"a": {"b": [number]}})
    assert raised.value.param == "chat_template_kwargs"
    with pytest.raises(BadRequest, match="response_format contains an integer"):
        check_schemas({"type": "integer", "minimum": number}, [])


def test_a_schema_of_half_a_megabyte_is_refused_unread() -> None:
    with pytest.raises(BadRequest, match="larger than 256 kB"):
        check_schemas({"type": "string", "pattern": "[" * 600_000}, [])


def test_the_place_of_a_contradiction_is_named_in_few_words() -> None:
    schema: dict[str, Any] = {"minItems": 2, "maxItems": 1}
    for _ in range(20):
        schema = {"properties": {"long" * 1_000: schema}}
    with pytest.raises(BadRequest) as caught:
        check_schemas(schema, [])
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a%62"}]}, "ab": {"$ref": "#/$defs/a"}}},
        {"anyOf": [{"type": "string"}, {"$ref": "#/anyOf/1"}]},
    ],
)
def test_references_that_never_end_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(Costly, match="lead back to themselves"):
        check_cost(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$ref": "#"}}},
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"items": {"$ref": "#/$defs/a~1b"}}}},
        {"$ref": "https://example.com/"},
        {"$ref": "#/no/where"},
        {"$ref": 5},
        {"items": [{"$ref": "#/items/1"}, {"$ref": "#/items/x"}]},
    ],
)
def test_other_references_are_left_to_the_compiler(schema: dict[str, Any]) -> None:
    check_cost(schema)


def test_a_schema_that_kills_its_process_is_refused() -> None:
    links = {f"a{n}": {"$anchor": f"a{n}", "properties": {"b": {"$ref": f"#a{n + 1}"}}} for n in range(3_000)}
    schema = {"$ref": "#a0", "$defs": {**links, "end": {"$anchor": "a3000"}}}
    assert judge.compile_schemas({}, schema).fault == "costly"


def test_the_process_has_limits() -> None:
    code = "from services.answering.judge_process import limit; limit(); bytearray(2 * 1024**3)"
    with pytest.raises(judge.TooCostly):
        run_instead([sys.executable, "-c", code])


def run_instead(argv: Sequence[str]) -> list[judge.Match]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "worker_argv", lambda _: argv)
        return judge.match_answers([("1", {})])


def test_a_process_that_has_no_time_to_answer_is_ended() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "WAIT", 0.01)
        with pytest.raises(Unavailable, match="too busy"):
            run_instead([sys.executable, "-c", "input(); input()"])


def test_an_answer_is_checked_while_schemas_are_compiled_and_others_wait_for_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judge, "TURN_WAIT", 0.01)
    with judge._compiling:
        assert judge.match_answers([("1", {"const": 1})]) == [judge.Match("1")]
        with pytest.raises(Unavailable, match="too busy"):
            judge.compile_schemas({}, {"const": "waits for its turn"})


def test_the_schemas_of_one_key_wait_for_each_other_and_not_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "TURN_WAIT", 0.01)
    with judge._own_turns["one"]:
        with pytest.raises(Unavailable, match="too busy"):
            judge.compile_schemas({}, {"const": "of one key"}, "one")
        assert judge.compile_schemas({}, {"const": "of one key"}, "another").rules


def test_an_answer_that_cannot_be_checked_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "worker_argv", lambda _: [sys.executable, "-c", ""])
    request = planned(GenerationRequest((USER,), json_schema={}))
    answer = promise.Answer(request)
    answer.take(Text("{}"))
    assert "too much" in answer.judged().complaint


def test_verdicts_are_kept() -> None:
    schema = {"const": "only here"}
    found = judge.compile_schemas({}, schema)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "worker_argv", lambda _: ["no such program"])
        assert judge.compile_schemas({}, schema) == found
