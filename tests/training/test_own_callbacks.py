"""Callbacks that params.yaml names by a dotted path."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
from tests.training.test_steps import fitted

from groundwork.errors import UserError
from groundwork.sections.training import OwnCallback
from groundwork.training import callbacks, dotted
from groundwork.training.callbacks import make_callbacks
from groundwork.training.dotted import locate

MODULE = """
import pytorch_lightning as pl

class Epochs(pl.Callback):
    def __init__(self, path, word="epoch"):
        self.path, self.word = path, word

    def on_train_epoch_end(self, trainer, module):
        with open(self.path, "a") as file:
            file.write(f"{self.word} {trainer.current_epoch}\\n")

class Batches(pl.Callback):
    def on_train_batch_end(self, *_):
        print("batch")

class Gradients(pl.Callback):
    seen = 0
    def on_before_optimizer_step(self, *_):
        type(self).seen += 1

class Other:
    pass
"""


def named(callback: str, **options: Any) -> OwnCallback:
    return OwnCallback.model_validate({"callback": callback, **options})


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a folder with modules that replaces the repository's src/."""
    folder = tmp_path / "src"
    (folder / "house_callbacks").mkdir(parents=True)
    (folder / "house_callbacks" / "__init__.py").touch()
    (folder / "house_callbacks" / "lr.py").write_text(MODULE)
    (folder / "house_single.py").write_text(MODULE)
    (folder / "house_broken.py").write_text("class Late:\n    pass\nraise RuntimeError('as it is imported')\n")
    (folder / "house_torn.py").write_text("class Late(\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(callbacks, "locate", lambda path: locate(path, folder))
    yield folder
    for module in [module for module in sys.modules if module.startswith("house_")]:
        del sys.modules[module]


def refused(callback: str, **options: Any) -> UserError:
    with pytest.raises(UserError, match=r"training.callbacks") as caught:
        make_callbacks([named(callback, **options)])
    assert caught.value.next_step
    return caught.value


def test_it_runs_with_its_options_and_a_new_one_for_each_fit(source: Path, tmp_path: Path) -> None:
    note = tmp_path / "note"
    for _ in range(2):
        entry = {"callback": "house_callbacks.lr.Epochs", "path": str(note), "word": "turn"}
        fitted(epochs=2, callbacks=[entry, {"callback": "house_single.Gradients"}])
    assert note.read_text().splitlines() == ["turn 0", "turn 1"] * 2
    import house_single  # type: ignore[import-not-found]

    assert house_single.Gradients.seen == 2 * 2 * 6, "hooks of optimizer steps are called for each mini-batch"


def test_one_that_counts_batches_is_refused_where_several_go_into_a_step(source: Path) -> None:
    with pytest.raises(UserError, match=r"house_single.Batches \(use on_train_epoch_end, by epoch\)"):
        fitted(callbacks=[{"callback": "house_single.Batches"}])


def test_lightnings_own_are_named_in_full() -> None:
    (made,) = make_callbacks([named("pytorch_lightning.callbacks.Timer", duration="00:01:00:00", interval="epoch")])
    assert isinstance(made, pl.callbacks.Timer)
    assert locate("pytorch_lightning.callbacks.Timer") is None


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("LearningRateMonitor", "did you mean 'pytorch_lightning.callbacks.LearningRateMonitor'?"),
        ("lightning.pytorch.callbacks.Timer", "did you mean 'pytorch_lightning.callbacks.Timer'?"),
        ("pytorch_lightning.callbacks.LearningRateMoniter", "did you mean 'LearningRateMonitor'?"),
        ("pytorch_lightning.trainer.trainer.Trainer", "expected pytorch_lightning.callbacks.<Class>, or <module>"),
        ("house_callbacks.lr.Epoch", "src/house_callbacks/lr.py has no class 'Epoch'; did you mean 'Epochs'?"),
        ("house_callback.lr.Epochs", "did you mean 'house_callbacks.lr.Epochs'?"),
        ("os.system", "expected pytorch_lightning.callbacks.<Class>, or <module>.<Class> of a file below src/"),
        ("pathlib.Path", "of a file below src/"),
        ("house_single.Other", "found a Other; expected a Lightning callback"),
        ("house_broken.Late", "RuntimeError: as it is imported"),
        ("house_single.Epochs", "TypeError: "),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused_in_one_message(source: Path, path: str, problem: str) -> None:
    assert problem in refused(path).problem


def test_a_file_that_is_not_python_is_named(source: Path) -> None:
    with pytest.raises(UserError, match=r"house_torn.py: is not Python"):
        make_callbacks([named("house_torn.Late")])


def test_a_module_of_the_same_name_from_elsewhere_is_not_run_in_its_place(source: Path) -> None:
    (source / "json.py").write_text(MODULE)
    assert "another module of this name comes first" in refused("json.Epochs", path="x").problem


def test_options_that_lightning_refuses_are_the_users(source: Path) -> None:
    error = refused("pytorch_lightning.callbacks.LearningRateMonitor", logging_interval="hour")
    assert "logging_interval should be `step` or `epoch`" in error.problem
    assert "logging_interval" in error.next_step


def test_a_class_is_found_without_running_its_module(source: Path) -> None:
    assert locate("house_broken.Late", source) == source / "house_broken.py"
    assert dotted.classes(source / "house_single.py") == ["Epochs", "Batches", "Gradients", "Other"]
    assert locate("house_callbacks.lr.Epochs", source) == source / "house_callbacks" / "lr.py"


def test_every_name_that_lightning_offers_is_there() -> None:
    assert set(dotted.lightning_callbacks()) == set(pl.callbacks.__all__)
