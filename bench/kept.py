"""Measure what of the documents in ``bench/documents`` reaches the prompt by kind of question, beside plain BM25."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean
from typing import get_args

from bench.asked import TELL, TUNE, Kind, bm25_score, questions, score, talk_score, talks

BUDGETS = (700, 1400)
"""Tokens that the sources may take."""

SPLITS = {"tune": TUNE, "tell": TELL}


def document_lines() -> Iterator[str]:
    """Yield a Markdown table: for each kind of question, budget and split, the pipeline's share and BM25's."""
    columns = [f"{name}, {budget} | BM25" for budget in BUDGETS for name in SPLITS]
    yield f"| questions about documents | {' | '.join(columns)} |"
    yield "|---|" + "---|" * 2 * len(columns)
    for kind in get_args(Kind):
        yield f"| {kind} | " + " | ".join(f"{share:.2f}" for share in shares(kind)) + " |"


def shares(kind: Kind) -> Iterator[float]:
    """Yield the cells of a row, each from 0.0 to 1.0."""
    for budget in BUDGETS:
        for languages in SPLITS.values():
            asked = [(language, each) for language in languages for each in questions(language) if each.kind == kind]
            yield mean(score(language, each, budget) for language, each in asked)
            yield mean(bm25_score(language, each, budget) for language, each in asked)


def decision_lines() -> Iterator[str]:
    """Yield what is decided about the results of searches in the talks of each split."""
    for name, languages in SPLITS.items():
        told = [talk for language in languages for talk in talks(language)]
        used = mean(talk_score(talk, BUDGETS[-1]) for talk in told if talk.relevant)
        dropped = mean(talk_score(talk, BUDGETS[-1]) for talk in told if not talk.relevant)
        yield f"- talks, {name}: {used:.2f} of relevant results used, {dropped:.2f} of others dropped"
