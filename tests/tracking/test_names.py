"""How a run is named by what changed."""

from typing import Any

import pytest

from groundwork.tracking.names import named

PARAMS = {"seed": 0, "model": {"network": "fnn", "dropout": 0.2, "width": 64, "depth": 2}, "source": "sample"}
RUN = {"run_id": "abcd1234", "params": PARAMS, "code_sha256": "c", "data_sha256": "d", "folds_sha256": "f"}


def run(model: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {**RUN, "params": {**PARAMS, "model": {**PARAMS["model"], **(model or {})}}, **changes}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("now", "name", "note"),
    [
        (run({"dropout": 0.3}), "dropout=0.3", "model.dropout: 0.2 → 0.3"),
        (
            run({"dropout": 0.3, "width": 32, "depth": 3, "network": "cnn"}, data_sha256="e"),
            "network=cnn dropout=0.3 width=32 and 1 more",
            "model.network: fnn → cnn; model.dropout: 0.2 → 0.3; model.width: 64 → 32; model.depth: 2 → 3; new data",
        ),
        (run(code_sha256="other"), "new code", "new code"),
        (run(data_sha256="e", folds_sha256="g"), "new data", "new data; new folds"),
    ],
)
def test_a_training_is_named_by_what_changed_since_the_run_before(now: dict[str, Any], name: str, note: str) -> None:
    assert named("titanic", RUN, now) == (f"titanic {name}", f"since run abcd1234: {note}")


def test_the_first_run_and_an_equal_one_are_said_to_be_so() -> None:
    assert named("titanic", {}, RUN) == ("titanic first run", "")
    assert named("titanic", RUN, RUN) == ("titanic again", "")
