import pytest
import torch
from tests.training.tiny import CPU

from groundwork.errors import UserError
from groundwork.settings import Hardware
from groundwork.training.precision import accelerator, resolve


def machine(monkeypatch: pytest.MonkeyPatch, cuda: bool = False, bf16: bool = False, mps: bool = False) -> None:
    """Make PyTorch report another machine's devices."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


def on(accelerator: str, precision: str = "auto") -> Hardware:
    return CPU.model_copy(update={"accelerator": accelerator, "precision": precision})


@pytest.mark.parametrize(
    ("available", "named", "runs_on", "precision"),
    [
        ({}, "auto", "cpu", "32-true"),
        ({}, "cpu", "cpu", "32-true"),
        ({"cuda": True, "bf16": True}, "auto", "cuda", "bf16-mixed"),
        ({"cuda": True, "bf16": True}, "gpu", "cuda", "bf16-mixed"),
        ({"cuda": True, "bf16": True}, "cpu", "cpu", "32-true"),
        ({"cuda": True, "bf16": False}, "auto", "cuda", "32-true"),
        ({"mps": True}, "auto", "mps", "32-true"),
        ({"mps": True}, "mps", "mps", "32-true"),
        ({"mps": True}, "gpu", "mps", "32-true"),
    ],
)
def test_auto_is_a_rule_of_the_chip(
    available: dict[str, bool], named: str, runs_on: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, **available)
    assert accelerator(on(named)) == runs_on
    assert resolve(on(named)) == precision


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed"])
def test_what_is_named_holds(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch)
    assert resolve(on("cpu", precision)) == precision


@pytest.mark.parametrize(
    ("available", "hardware", "problem"),
    [
        ({}, on("mps"), "hardware.accelerator: found mps; this machine has no Apple GPU"),
        ({}, on("gpu"), "hardware.accelerator: found gpu; this machine has no GPU"),
        ({"mps": True}, on("mps", "64-true"), "MPS has no float64"),
        ({"mps": True}, on("auto", "64-true"), "MPS has no float64"),
        ({"mps": True}, on("mps", "bf16-mixed"), "mixed precision is not supported on MPS"),
        ({}, on("auto", "16-mixed"), "training runs on a CPU, whose autocast has no float16"),
    ],
)
def test_what_an_accelerator_cannot_do_is_refused_in_words(
    available: dict[str, bool], hardware: Hardware, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, **available)
    with pytest.raises(UserError) as caught:
        resolve(hardware)
    assert problem in caught.value.problem
    assert "params.yaml" in caught.value.next_step
