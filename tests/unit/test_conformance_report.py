"""The page of the foreign suites: nothing that failed, or never ran, may look as if it had passed."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from tests.conformance import report
from tests.conformance.report import Case, Suite

JUNIT = """<testsuites><testsuite>
<testcase name="good"/>
<testcase name="bad"><failure message="assert 1 == 2&#10;more"/></testcase>
<testcase name="broken"><error message="no | server"/></testcase>
<testcase name="left out"><skipped message="Not supported."/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "results.xml").write_text(JUNIT)
    return report.read("a suite", tmp_path / "results.xml")


def test_every_outcome_is_read(suite: Suite) -> None:
    assert suite.cases == (
        Case("good", "passed"),
        Case("bad", "failed", "assert 1 == 2"),
        Case("broken", "failed", "no | server"),
        Case("left out", "skipped", "Not supported."),
    )


def test_the_page_counts_and_names_what_did_not_pass(suite: Suite) -> None:
    page = report.page([suite], {"gone": "no npm"}, "a machine", datetime.date(2026, 1, 2))
    assert "| a suite | 1 | 2 | 1 |" in page
    assert "| a suite | `broken` | no / server |" in page
    assert "| a suite | `left out` | Not supported. |" in page
    assert "| gone | left out: no npm | | |" in page
    assert suite.failed


def test_tests_with_one_reason_share_a_line() -> None:
    cases = [Case(f"test_{name}[{n}]", "skipped", "Not here.") for name in "ab" for n in range(2)]
    many = [Case(f"test_{n}", "skipped", "Too many.") for n in range(9)]
    page = report.page([Suite("a suite", (*cases, *many))], {}, "a machine", datetime.date(2026, 1, 2))
    assert "| a suite | `test_a`, `test_b` (4 cases) | Not here. |" in page
    assert "| a suite | 9 tests | Too many. |" in page


def test_a_suite_that_never_ran_has_failed(tmp_path: Path) -> None:
    assert report.read("gone", tmp_path / "none.xml").failed
    assert Suite("all skipped", (Case("a", "skipped"),)).failed
    assert not Suite("fine", (Case("a", "passed"),)).failed
