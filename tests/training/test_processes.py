import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.training.test_memory import Room, fitted
from tests.training.tiny import CPU

from groundwork.errors import UserError
from groundwork.training.processes import check_count, cores

# The second process sleeps where nothing tells it that the first one is gone.
SCRIPT = """
import os, time
from pathlib import Path
import pytorch_lightning as pl
import torch
from tests.training.test_memory import Room, rows
from tests.training.tiny import CPU, training
from groundwork.objectives.classification import Classification
from groundwork.objectives.metrics import METRICS
from groundwork.training.batches import Batches
from groundwork.training.fit import fit

class Sleep(pl.Callback):
    def on_train_start(self, trainer, module):
        if trainer.global_rank == 1:
            Path("second.part").write_text(str(os.getpid()))
            Path("second.part").rename("second")
            time.sleep(20)
            Path("outlived").touch()

if __name__ == "__main__":
    hardware = CPU.model_copy(update={"strategy": "ddp", "devices": 2})
    train = Batches.seeded(rows(), 8, 0)
    fit(Room(100), Classification(2), METRICS["accuracy"], train, rows(), training(), hardware, callbacks=[Sleep()])
"""


def runs(process: int) -> bool:
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], check=False, capture_output=True, text=True)
    return bool(listed.stdout.strip()) and not listed.stdout.startswith("Z")


@pytest.mark.skipif(cores() < 2, reason="needs two cores")
def test_a_process_ends_when_the_first_one_is_killed(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), str(root / "src")])
    first = subprocess.Popen(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "second").exists():
        assert first.poll() is None, first.stderr.read() if first.stderr else ""
        time.sleep(0.02)
    second = int((tmp_path / "second").read_text())
    assert runs(second)
    first.send_signal(signal.SIGKILL)
    first.wait()
    while runs(second):
        time.sleep(0.05)
    assert not (tmp_path / "outlived").exists()


def test_more_processes_than_cores_are_refused_on_a_cpu() -> None:
    hardware = CPU.model_copy(update={"strategy": "ddp", "devices": 64 + cores()})
    with pytest.raises(
        UserError, match=rf"hardware.devices: found {64 + cores()}; expected {cores()} or less"
    ) as caught:
        check_count(hardware, "cpu")
    assert "auto" in caught.value.next_step
    check_count(hardware, "cuda")
    check_count(CPU, "cpu")


def test_a_fit_starts_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.training.test_memory.CPU", CPU.model_copy(update={"devices": 64 + cores()}))
    with pytest.raises(UserError, match=r"hardware.devices"):
        fitted(Room(100))
