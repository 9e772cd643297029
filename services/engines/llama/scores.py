"""Compute how likely each token of a prompt is to llama.cpp's model.

llama.cpp's server code tells the probabilities of tokens that it generates, and of no others. So it is made to generate
the prompt, by a grammar of the ids of its tokens; the probabilities are those from before the grammar. That takes as
long as an answer of the same length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from services.engines.llama.refusals import refusal, refused
from services.engines.llama.tokens import Tokens
from services.engines.worker.errors import RequestRefused
from services.engines.worker.loop import Run

STEP = 16
"""The most tokens of one call of llama.cpp, which no cancel interrupts."""

SHORT_LIST, WHOLE_LIST = 1000, 1_000_000
"""Lengths of the lists in which a token is searched that llama.cpp does not tell by itself: the second has them all."""

MOST_WHOLE_LISTS = 256
"""The most whole lists for one prompt. Each takes half a second, so text of random bytes would take hours."""

A_BLANK = 'start: " "'
"""The rule where the token that is generated does not matter, as long as it ends no answer and its text is complete."""

Token = dict[str, Any]
"""llama.cpp's entry for a token, or what the parent needs of it."""


def run_scores(server: Any, tokens: Tokens, context: int, request: dict[str, Any], run: Run) -> str:
    """Report the tokens of each input with their logprobs, and return the finish reason. Blocks for long.

    `context` is the length of the context in tokens. Raises `RequestRefused`.
    """
    found = []
    for prompt in request["inputs"]:
        ids, texts = tokens.of_prompt(prompt)
        if len(ids) >= context:
            raise RequestRefused("The prompt does not fit into the context.", "context", len(ids), context)
        scored = [{"token": text, "logprob": None} for text in texts[:1]]
        for token in later_tokens(server, ids, request["logprobs"] or 0):
            if run.over:
                return "cancel"
            # llama.cpp shows a control token as nothing.
            scored.append({**token, "token": texts[len(scored)]})
            run.progress(len(scored), len(ids))
        found.append(scored)
        run.usage = {**run.usage, "prompt_tokens": run.usage["prompt_tokens"] + len(ids)}
    run.data(found)
    return "stop"


def later_tokens(server: Any, ids: Sequence[int], alternatives: int) -> Iterator[Token]:
    """Yield each token of a prompt but the first, with so many alternatives. Blocks. Raises `RequestRefused`."""
    done, size, lists = 1, STEP, Lists(server)
    while done < len(ids):
        wanted = ids[done : done + size]
        entries = generated(server, ids[:done], len(wanted), max(1, alternatives), ids_grammar(wanted))
        # A token that ends an answer also ends the call. Nothing is told of a token that ends within a character.
        known = [entry for entry, _ in takewhile(same_token, zip(entries, wanted, strict=False))]
        if not known and len(wanted) == 1:
            known = [lists.find(ids[:done], wanted[0])]
        yield from (scored_token(entry, alternatives) for entry in known)
        done, size = done + len(known), min(size * 2, STEP) if len(known) == len(wanted) else 1


class Lists:
    """Lists of the likely tokens at a place, for tokens that llama.cpp does not tell by themselves."""

    def __init__(self, server: Any) -> None:
        self._server, self._left = server, MOST_WHOLE_LISTS

    def find(self, before: Sequence[int], id: int) -> Token:
        """Return the entry of the token `id` after those `before`. Blocks. Raises `RequestRefused`."""
        found = self._listed(before, id, SHORT_LIST)
        if found is None and self._left:
            self._left -= 1
            found = self._listed(before, id, WHOLE_LIST)
        if found is None:
            raise RequestRefused(
                "The prompt has too many unlikely tokens that end within a character: llama.cpp does not tell how "
                "likely each of them is. Send less of such text."
            )
        return found

    def _listed(self, before: Sequence[int], id: int, amount: int) -> Token | None:
        for entry in generated(self._server, before, 1, amount, A_BLANK):
            likely = entry["top_logprobs"]
            return next(({**top, "top_logprobs": likely} for top in likely if top["id"] == id), None)
        return None


def same_token(pair: tuple[Token, int]) -> bool:
    """Return whether an entry is that of the token with an id."""
    entry, id = pair
    return bool(entry["id"] == id)


def ids_grammar(ids: Sequence[int]) -> str:
    """Return the rule of a grammar that allows these tokens alone."""
    return "start: " + " ".join(f"<[{id}]>" for id in ids)


def generated(server: Any, before: Sequence[int], count: int, amount: int, rule: str) -> Sequence[Token]:
    """Return llama.cpp's entries for `count` tokens that follow a rule, each with the `amount` most likely ones.

    Blocks. Raises `RequestRefused`.
    """
    body = {
        "prompt": list(before),
        "n_predict": count,
        "n_probs": amount,
        "temperature": 0,
        "cache_prompt": True,
        "grammar": f"%llguidance {{}}\n{rule}",
    }
    try:
        answer = server.handle_completions(body)
    except ValueError as error:
        raise refused(error) from error
    if "error" in answer:
        raise refusal(answer["error"])
    return (answer["choices"][0].get("logprobs") or {}).get("content") or ()


def scored_token(entry: dict[str, Any], alternatives: int) -> Token:
    """Return what the parent needs of llama.cpp's entry for a token."""
    likely = [{"token": top["token"], "logprob": top["logprob"]} for top in entry["top_logprobs"][:alternatives]]
    return {"token": entry["token"], "logprob": entry["logprob"], "top_logprobs": likely}
