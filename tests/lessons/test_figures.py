from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from groundwork.lessons import course, show, subplots


@pytest.mark.parametrize("backend", ["agg", "svg"])
def test_without_a_screen_figures_are_saved_and_named(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(course, "WORK", tmp_path)
    monkeypatch.chdir(tmp_path)
    mpl.use(backend)
    for _ in range(2):
        subplots(width=5, height=2)
        show()
    first, second = (line.removeprefix("figure: ") for line in capsys.readouterr().out.splitlines())
    assert first != second
    # 80 dots to an inch: 5 by 2 inches.
    assert plt.imread(first).shape[:2] == (160, 400)
    assert Path(second).exists()
    assert plt.get_fignums() == []
    mpl.use("agg")
