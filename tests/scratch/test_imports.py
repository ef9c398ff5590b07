import pkgutil
import subprocess
import sys

import pytest

import groundwork.scratch

# `bridge` is the way to torch: it alone imports it.
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(groundwork.scratch.__path__, "groundwork.scratch.")
    if module.name != "groundwork.scratch.bridge"
)
PROGRAM = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
print(*sorted(name for name in sys.modules if name.startswith("groundwork.")))
"""


def loaded_by(*names: str) -> tuple[set[str], set[str]]:
    """List the packages, and the modules of our own, that a fresh Python has after importing `names`."""
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names], capture_output=True, text=True, check=True, timeout=120
    )
    packages, own = found.stdout.splitlines()
    return set(packages.split()), set(own.split())


@pytest.mark.parametrize("names", [["groundwork.scratch"], MODULES], ids=["package", "every module"])
def test_the_library_stands_on_numpy_alone(names: list[str]) -> None:
    packages, own = loaded_by(*names)
    assert "numpy" in packages
    assert not packages & {"torch", "pandas", "scipy", "sklearn", "pytorch_lightning", "wandb", "pyarrow"}
    assert [name for name in own if not name.startswith("groundwork.scratch")] == []
    assert set(names) <= own | {"groundwork.scratch"}


def test_every_module_of_the_library_is_looked_at() -> None:
    expected = "tensor random optim linalg data train verify nn nn.init functional".split()
    assert {f"groundwork.scratch.{name}" for name in expected} <= set(MODULES)


def test_the_bridge_leads_to_torch() -> None:
    packages, _ = loaded_by("groundwork.scratch.bridge")
    assert "torch" in packages
