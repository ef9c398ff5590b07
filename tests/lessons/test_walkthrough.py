import html
import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from groundwork.lessons import walkthrough
from groundwork.scratch import nn, optim, tensor, train


def example(value: int) -> int:
    """Say how it begins,
    over two lines.

    More of it.
    """
    # Why this comes first,
    # in two lines.
    double = value * 2
    return double - 1  # `minus` one <for luck>


def test_code_stands_beside_what_it_says_about_itself() -> None:
    ((title, steps),) = walkthrough(example).parts
    assert title.startswith("example  ·  ")
    assert [step.note for step in steps] == [
        "Say how it begins, over two lines.",
        "Why this comes first, in two lines.",
        "`minus` one <for luck>",
    ]
    assert [step.code for step in steps] == [
        "def example(value: int) -> int:",
        "    double = value * 2",
        "    return double - 1",
    ]


def test_a_notebook_shows_a_table_and_a_terminal_shows_text() -> None:
    shown = walkthrough(example)
    page = shown._repr_html_()
    assert "<code>minus</code> one &lt;for luck&gt;" in page
    assert page.count("<tr>") == 4
    assert "    # Why this comes first, in two lines.\n    double = value * 2" in repr(shown)


def test_a_page_shows_long_lines_whole() -> None:
    page = walkthrough(optim.SGD.update)._repr_html_()
    code = [html.unescape(block) for block in re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)]
    assert max(len(line) for block in code for line in block.splitlines()) <= 84
    shown = " ".join(" ".join(code).split())
    assert 'momentum * state["sum"] if group["nesterov"] else state["sum"]' in shown


async def wait() -> None:
    """Wait for
    nothing."""


def test_what_waits_is_shown_like_any_function() -> None:
    ((_, steps),) = walkthrough(wait).parts
    assert [(step.note, step.code) for step in steps] == [("Wait for nothing.", "async def wait() -> None:")]


def test_a_function_on_one_line_stays_whole(tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text('def f(): "Do nothing."\n')
    module = load_source(tmp_path / "short.py")
    ((_, steps),) = walkthrough(module.f).parts
    assert [step.code for step in steps] == ['def f(): "Do nothing."']


def load_source(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_of_a_decorated_function_its_own_code_is_shown() -> None:
    ((title, steps),) = walkthrough(train.evaluate).parts
    assert title == "evaluate  ·  groundwork/scratch/train.py"
    assert steps[0].code.startswith("@no_grad()\ndef evaluate(")


def test_what_is_said_to_tools_is_left_out() -> None:
    def wide() -> int:
        return 1  # fmt: skip  # why it is one

    ((_, steps),) = walkthrough(wide).parts
    assert [step.note for step in steps] == ["", "why it is one"]


@pytest.mark.parametrize("thing", [nn.LSTM, nn.MultiheadAttention, tensor, tensor.Tensor.backward])
def test_no_line_of_the_shipped_code_is_lost(thing: object) -> None:
    ((_, steps),) = walkthrough(thing).parts
    shown = [line.strip() for step in steps for line in step.code.splitlines() if line.strip()]
    source = inspect.getsource(thing)  # type: ignore[arg-type]
    for line in shown:
        assert line in source
    keywords = re.compile(r"^\s*(def|class|return|for|if|while|import) .*:?$", re.MULTILINE)
    without = re.sub(r'"""(.*?)"""', "", source, flags=re.DOTALL)
    expected = [found.group().partition("  #")[0].strip() for found in keywords.finditer(without)]
    assert [line for line in expected if line not in shown] == []


def test_what_is_not_python_has_no_source() -> None:
    with pytest.raises(TypeError):
        walkthrough(len)
