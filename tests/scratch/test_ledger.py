from dataclasses import replace
from pathlib import Path

import pytest
from tests.scratch import ledger

COMMITTED = ledger.read()


def test_the_ledger_has_the_blocks_of_the_table() -> None:
    assert list(COMMITTED) == ledger.ROWS, "run `make parity`"


@pytest.mark.parametrize("block", ledger.ROWS)
def test_the_ledger_still_holds(block: str) -> None:
    measured = ledger.measure(block)
    assert measured.cases == COMMITTED[block].cases, "run `make parity`"
    assert [one == ledger.NONE for one in measured.differences] == [
        one == ledger.NONE for one in COMMITTED[block].differences
    ]
    assert measured.broken(COMMITTED[block]) == []


def test_a_difference_a_hundred_times_the_committed_one_passes_and_more_does_not() -> None:
    committed = ledger.Row("nn.Linear", 3, ("1e-16", "1e-15", "1e-13", "–"))
    assert not replace(committed, differences=("1e-14", "1e-13", "1e-11", "–")).broken(committed)
    assert replace(committed, differences=("1e-13", "1e-15", "1e-13", "–")).broken(committed) == [
        "nn.Linear: Forward 1e-13, at most 1e-14"
    ]


def test_no_ledger_allows_more_than_the_tolerance() -> None:
    wrong = ledger.Row("nn.Linear", 3, ("1e-9", "1e-9", "1e-7", "1e-5"))
    assert len(wrong.broken(wrong)) == len(wrong.broken()) == 4
    assert ledger.Row("nn.Linear", 3, ("inf", "nan", "–", "–")).broken() != []


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    page = tmp_path / "parity.md"
    page.write_text(f"before\n{ledger.BEGIN}\nold\n{ledger.END}\nafter\n")
    row = ledger.Row("nn.Linear", 3, ("1e-16", "1e-15", "1e-13", "–"))
    ledger.write(ledger.markdown([row], {"nn.Linear": "1.2"}), page)
    assert ledger.read(page) == {"nn.Linear": row}
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith(f"{ledger.END}\nafter\n")
