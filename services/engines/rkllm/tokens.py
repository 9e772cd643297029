"""Make prompts as exact tokens, with the model's own chat template and tokenizer from the files beside it.

Text of users that looks like a special token stays text: before the template is rendered, each such place is marked
with a text that occurs nowhere else, so the template sees and treats it as before, and when the rendered prompt is cut
into tokens, the marked places are taken as plain text.
"""

from __future__ import annotations

import datetime
import json
import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from services.engines.worker.control import mapped
from services.engines.worker.errors import NO_TOKEN, LoadFailed, RequestRefused
from services.engines.worker.reasoning import OPENINGS

MARKER = "\ue000{:018}"
"""A character that means nothing to anybody, and a number that nobody can guess: no text has it before."""

TOO_DEEP = "The messages, or chat_template_kwargs, are nested too deeply for a chat template. Send them flatter."


def available(folder: Path) -> bool:
    """Return whether `folder` has a tokenizer and a chat template. Reads the configuration only."""
    return not missing_files(folder)


def missing_files(folder: Path) -> list[str]:
    """Return the files that `folder` lacks for prompts as tokens, in words."""
    tokenizer = [] if (folder / "tokenizer.json").exists() else ["tokenizer.json"]
    return tokenizer + (
        [] if template_text(folder) else ["chat template (tokenizer_config.json or chat_template.jinja)"]
    )


def template_text(folder: Path) -> str:
    """Return the chat template beside a model, empty if there is none. Raises `LoadFailed`."""
    file = folder / "chat_template.jinja"
    try:
        found = file.read_text() if file.exists() else configuration(folder).get("chat_template")
    except UnicodeDecodeError as error:
        raise LoadFailed(f"{file} is no UTF-8: {error}; fetch it again.") from error
    if isinstance(found, list):
        named = (entry for entry in found if isinstance(entry, dict) and entry.get("name") == "default")
        found = next(named, {}).get("template")
    return found if isinstance(found, str) else ""


def configuration(folder: Path) -> dict[str, Any]:
    """Return the content of tokenizer_config.json; empty if there is none. Raises `LoadFailed`."""
    file = folder / "tokenizer_config.json"
    try:
        found = json.loads(file.read_text()) if file.exists() else {}
    except ValueError as error:
        raise LoadFailed(f"{file} is no JSON: {error}; fetch it again.") from error
    return found if isinstance(found, dict) else {}


class Template:
    """Render the chat template of one model."""

    def __init__(self, folder: Path) -> None:
        """Compile the template in `folder`. Raises `LoadFailed`."""
        self._compiled = template(template_text(folder))
        self._names = special_names(configuration(folder))

    def render(self, messages: Any, request: dict[str, Any]) -> str:
        """Return the prompt of a chat. Raises `RequestRefused` where the template refuses the messages."""
        import jinja2

        values = {**self._names, "tools": None, **request["template_kwargs"], "add_generation_prompt": True}
        messages = [with_objects(message) for message in messages]
        try:
            return str(self._compiled.render(messages=messages, **values))
        except (jinja2.TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
            raise RequestRefused(f"The model's chat template does not take these messages: {error}") from error


def with_objects(message: dict[str, Any]) -> dict[str, Any]:
    """Return `message` with the arguments of its calls as objects, as templates want them; clients send text."""
    calls = message.get("tool_calls")
    if not calls:
        return message
    functions = [{**call["function"], "arguments": as_object(call["function"]["arguments"])} for call in calls]
    return {**message, "tool_calls": [{**c, "function": f} for c, f in zip(calls, functions, strict=True)]}


def as_object(arguments: str) -> Any:
    """Return arguments as what they are the JSON of; as they are where they are none, as a model may have written."""
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def reasoning_opening(rendered: str) -> str:
    """Return the tag of a reasoning that a prompt ends with, so that the answer begins inside it; else nothing."""
    return next((tag for tag in OPENINGS if rendered.rstrip().endswith(tag)), "")


class Tokenized:
    """Convert between requests and tokens of one model."""

    def __init__(self, folder: Path) -> None:
        """Load tokenizer and template from `folder`. Blocks for up to a second. Raises `LoadFailed`."""
        self._tokenizer = tokenizer(folder)
        self._template = Template(folder)
        added = self._tokenizer.get_added_tokens_decoder().values()
        special = sorted((token.content for token in added if token.special), key=len, reverse=True)
        self._longest = max(map(len, special), default=0)
        # Without any, the pattern matches nothing.
        self._special = re.compile("|".join(map(re.escape, special)) or "(?!)")

    def encode(self, request: dict[str, Any]) -> tuple[list[int], str]:
        """Return the tokens of a request's prompt, and the opening tag of the reasoning it ends with, if it does.

        Raises `RequestRefused` where the template refuses the messages.
        """
        if not request["messages"]:
            return self._known(request["prompt_ids"]) or self._ids(request["prompt"], False, add_special=True), ""
        marker = MARKER.format(secrets.randbelow(10**18))
        rendered = self._rendered(request, marker)
        parts = self._parts(rendered, marker)
        return [token for text, plain in parts for token in self._ids(text, plain)], reasoning_opening(rendered)

    def _rendered(self, request: dict[str, Any], marker: str) -> str:
        """Return the prompt, with `marker` behind the first character of what looks like a special token in a text."""
        try:
            given = mapped(
                {"messages": request["messages"], "kwargs": request["template_kwargs"]},
                lambda text: self._special.sub(lambda m: f"{m[0][0]}{marker}{m[0][1:]}", text),
            )
            return self._template.render(given["messages"], {**request, "template_kwargs": given["kwargs"]})
        except RecursionError as error:
            raise RequestRefused(TOO_DEEP) from error

    def _parts(self, text: str, marker: str) -> Iterator[tuple[str, bool]]:
        """Yield the rendered prompt in pieces; True with those that are user text and look like a special token."""
        position = 0
        while (found := text.find(marker, position)) > 0:
            start, rest = found - 1, found + len(marker)
            # No further than the longest: a copy of all the rest for each of many would take for ever.
            looks = text[start] + text[rest : rest + self._longest]
            whole = self._special.match(looks)
            length = len(whole[0]) if whole else 1
            yield text[position:start], False
            yield looks[:length], True
            position = rest + length - 1
        yield text[position:], False

    def _ids(self, text: str, plain: bool, add_special: bool = False) -> list[int]:
        self._tokenizer.encode_special_tokens = plain
        return list(self._tokenizer.encode(text, add_special_tokens=add_special).ids)

    def data(self, request: dict[str, Any]) -> Any:
        """Return the data for a request about tokens. Raises `RequestRefused`."""
        if request["kind"] == "count":
            return len(self.encode(request)[0])
        if request["kind"] == "detokenize":
            return [self._text(ids) for ids in request["inputs"]]
        if request["messages"]:
            return [self._tokens(self.encode(request)[0])]
        return [self._tokens(self._ids(text, False, request["special_tokens"])) for text in request["inputs"]]

    def _tokens(self, ids: list[int]) -> dict[str, Any]:
        return {"ids": ids, "texts": [self._text([token]) for token in ids]}

    def _text(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(self._known(ids), skip_special_tokens=False))

    def _known(self, ids: list[int]) -> list[int]:
        if unknown(self._tokenizer, ids) is not None:
            raise RequestRefused(NO_TOKEN)
        return ids


def unknown(tokenizer: Any, ids: Sequence[int]) -> int | None:
    """Return the first of `ids` that is no token's; None where all are. There may be gaps between the ids."""
    return next((token for token in ids if not 0 <= token < 2**32 or tokenizer.id_to_token(token) is None), None)


def tokenizer(folder: Path) -> Any:
    """Load ``tokenizer.json`` of `folder`. Blocks for up to a second. Raises `LoadFailed`."""
    import tokenizers

    file = folder / "tokenizer.json"
    try:
        return tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises bare ones
        raise LoadFailed(f"{file} is no tokenizer: {error}; fetch it again, or set npu_prompt to template.") from error


def template(text: str) -> Any:
    """Compile a chat template as its makers expect it, in a sandbox with its variables only. Raises `LoadFailed`."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = to_json
    environment.globals |= {"raise_exception": refuse_messages, "strftime_now": local_time}
    try:
        return environment.from_string(text)
    except jinja2.TemplateError as error:
        raise LoadFailed(f"The chat template beside the model is broken: {error}; fetch it again.") from error


def to_json(value: Any, indent: int | None = None, **_: Any) -> str:
    """Return JSON without the HTML escapes of jinja2's own filter."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def refuse_messages(message: str) -> NoReturn:
    """Raise `RequestRefused`: templates call this for messages they cannot render."""
    raise RequestRefused(f"The model's chat template refuses these messages: {message}")


def local_time(pattern: str) -> str:
    """Return the local time by `strftime`'s `pattern`."""
    return datetime.datetime.now().strftime(pattern)


def special_names(config: dict[str, Any]) -> dict[str, str]:
    """Return ``bos_token`` and the like, which templates write out."""
    found = {}
    for name in ("bos_token", "eos_token", "pad_token", "unk_token"):
        value = config.get(name)
        found[name] = str(value.get("content", "") if isinstance(value, dict) else value or "")
    return found
