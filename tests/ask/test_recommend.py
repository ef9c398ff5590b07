from pathlib import Path

import pytest
from tests.training.purchases import SHOP, lane, prepared
from tests.training.tiny import QUIETLY

from groundwork.ask.recommend import recommend
from groundwork.competitions import load
from groundwork.errors import UserError
from groundwork.stages.train import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        train("shop", SHOP, lane(epochs=2), prepared(), folder / "results/shop", seed=0, **QUIETLY)
    return folder


def ask(trained: Path, customer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    recommend("shop", SHOP, prepared(), trained / "results/shop", customer)


def test_history_and_twelve_articles_are_shown(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(trained, "c004", monkeypatch)
    history, expected = capsys.readouterr().out.split("Expected from 2020-02-17 to 2020-02-23")
    assert "Customer c004" in history
    assert "purchases" in history.lower()
    rows = [line.split() for line in expected.splitlines() if line.strip()[:1].isdigit()]
    assert [row[0] for row in rows] == [str(place) for place in range(1, 13)]
    assert len({row[1] for row in rows}) == 12
    assert "bought before" in expected


def test_a_customer_without_a_history_is_told_what_sells(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(trained, "c089", monkeypatch)
    shown = capsys.readouterr().out
    assert "no purchases yet" in shown
    assert "bought before" not in shown


@pytest.mark.parametrize(
    ("customer", "found"),
    [("nobody", "no customer 'nobody'"), ("c01", "10 customers have an id that begins with 'c01'; expected one")],
)
def test_a_wrong_customer_is_named_with_some_right_ones(
    customer: str, found: str, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError) as caught:
        ask(trained, customer, monkeypatch)
    assert found in caught.value.problem
    assert "c0" in caught.value.next_step


def test_other_kinds_of_lanes_are_refused(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    with pytest.raises(UserError, match="of kind classification; expected recommendation"):
        recommend("titanic", load("titanic"), prepared(), trained, "c004")
