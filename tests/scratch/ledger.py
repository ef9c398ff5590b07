"""The ledger of parity in docs/parity.md: what it says of each block, measured, written and read back."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.scratch.table import BLOCKS, TRAINED, checked, compared, trained
from tests.scratch.test_optim import CASES, made
from tests.scratch.training import assert_same_training

from groundwork.files import writing
from groundwork.scratch.diagnosis import power_of_ten
from groundwork.scratch.verify import Report

PAGE = Path(__file__).parents[2] / "docs" / "parity.md"
BEGIN, END = "<!-- ledger: make parity -->", "<!-- end -->"
COLUMNS = ("Block", "Cases", "Forward", "Backward", "After 100 steps", "Gradient check", "Time / torch's")
# In the order of the columns.
TOLERANCES = (1e-10, 1e-10, 1e-8, 1e-6)
NONE = "–"
# Optimizers have neither outputs nor gradients: they are compared by where a hundred of their steps lead.
OPTIMIZERS = {f"optim.{name}": [one for kind, one in CASES if kind == name] for name in ("SGD", "Adam", "AdamW")}
ROWS = [*BLOCKS, *OPTIMIZERS]


@dataclass(frozen=True)
class Row:
    """What is known of one block: how many cases, and the largest differences in them as the ledger prints them.

    They are rounded up to a power of ten, 1e-16 at least: what rounding leaves differs from machine to machine.
    """

    block: str
    cases: int
    differences: tuple[str, ...]  # forward, backward, after 100 steps, gradient check

    def broken(self, committed: "Row | None" = None) -> list[str]:
        """Say what is above its tolerance, or a hundred times what was committed."""
        limits = TOLERANCES
        if committed is not None:
            pairs = zip(TOLERANCES, committed.differences, strict=True)
            limits = tuple(limit if one == NONE else min(limit, 100.001 * float(one)) for limit, one in pairs)
        return [
            f"{self.block}: {name} {found}, at most {limit:.0e}"
            for name, found, limit in zip(COLUMNS[2:], self.differences, limits, strict=False)
            if found != NONE and not float(found) <= limit
        ]


def reports(block: str) -> list[Report]:
    """Run all cases of a block."""
    if block in OPTIMIZERS:
        name = block.removeprefix("optim.")
        return [Report(block, steps=assert_same_training(*made(name, one))) for one in OPTIMIZERS[block]]
    cases = BLOCKS[block]
    found = [compared(case) for case in cases] + [trained(case) for case in cases if case in TRAINED]
    return found + [checked(case) for case in cases if case.has_slope]


def measure(block: str) -> Row:
    """Find the largest differences of a block."""
    names = ("forward", "backward", "steps", "gradients")
    found = tuple(worst(getattr(report, name) for report in reports(block)) for name in names)
    return Row(block, len(OPTIMIZERS.get(block) or BLOCKS[block]), found)


def worst(differences: Iterable[float | None]) -> str:
    """Print the largest."""
    measured = [one for one in differences if one is not None]
    return power_of_ten(max(1e-16, *measured)) if measured else NONE


def markdown(rows: Iterable[Row], speeds: dict[str, str]) -> str:
    """Lay the ledger out as a table."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" + "|---:" * (len(COLUMNS) - 1) + "|"]
    for row in rows:
        block, *rest = cells(row, speeds)
        lines.append(f"| `{block}` | " + " | ".join(rest) + " |")
    return "\n".join(lines)


def cells(row: Row, speeds: dict[str, str]) -> tuple[str, ...]:
    """Print a row in the order of the columns."""
    return (row.block, str(row.cases), *row.differences, speeds.get(row.block, NONE))


def write(table: str, page: Path = PAGE) -> None:
    """Put the table between the page's markers."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    with writing(page) as unfinished:
        unfinished.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def read(page: Path = PAGE) -> dict[str, Row]:
    """Read the committed table."""
    _, _, rest = page.read_text().partition(BEGIN)
    table, _, _ = rest.partition(END)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.strip().splitlines()[2:]]
    return {block.strip("`"): Row(block.strip("`"), int(cases), tuple(rest[:4])) for block, cases, *rest in rows}
