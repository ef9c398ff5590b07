"""The pages of `make docs`, as Markdown. `make docs` itself checks that they can be rendered without a warning."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from website import build, check, commands, diagrams, lessons, links, navigation

from groundwork.errors import UserError
from groundwork.lessons import course

PUBLIC = ("scratch", "models", "objectives", "encoders", "training", "verdict")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Write all pages, and list those of the menu."""
    pages = tmp_path_factory.mktemp("pages")
    return pages, list(navigation.pages(build.write_pages(pages)))


def test_every_page_is_in_the_menu_once(written: tuple[Path, list[str]], repository: Path) -> None:
    pages, menu = written
    menu = [page for page in menu if page != "report.html"]
    assert sorted(menu) == sorted(path.relative_to(pages).as_posix() for path in pages.rglob("*.md"))
    assert {path.relative_to(repository).as_posix() for path in repository.glob("docs/*.md")} <= set(menu)


def test_a_guide_that_is_in_no_menu_is_named(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("verdict.md", "forgotten.md"):
        (tmp_path / "docs" / name).touch()
    assert navigation.missing(tmp_path) == ["docs/forgotten.md"]


def test_lessons_follow_each_other_in_the_menu(written: tuple[Path, list[str]]) -> None:
    _, menu = written
    first = menu.index("notebooks/00_workspace.md")
    assert menu[first : first + 17] == [f"notebooks/{lesson.name}.md" for lesson in course.lessons()]


@pytest.mark.parametrize("room", PUBLIC)
def test_every_public_module_has_a_page_of_the_reference(
    room: str, written: tuple[Path, list[str]], repository: Path
) -> None:
    pages, _ = written
    texts = "\n".join(path.read_text(encoding="utf-8") for path in (pages / "reference").rglob("*.md"))
    files = [path.relative_to(repository / "src") for path in (repository / "src/groundwork" / room).rglob("*.py")]
    names = [str(file.with_suffix("")).replace("/", ".").removesuffix(".__init__") for file in files]
    public = [name for name in names if "._" not in name]
    assert f"groundwork.{room}" in public
    assert [name for name in public if f"\n::: {name}\n" not in texts] == []


def test_every_command_is_on_the_page_of_commands_and_pages_name_no_other(
    written: tuple[Path, list[str]], repository: Path
) -> None:
    pages, _ = written
    text = (pages / commands.PAGE).read_text(encoding="utf-8")
    known = {name.split()[1] for name in commands.names()}
    assert (
        {"try", "sweep", "submit", "lesson"} <= known <= set(re.findall(r"^### groundwork (\w+)", text, re.MULTILINE))
    )
    assert "`--minutes MINUTES`: Start no fold that would probably end later." in text
    for path in (repository / file for file in navigation.FILES):
        code = "\n".join(re.findall(r"^```(?:console)?\n.*?^```|`[^`\n]+`", path.read_text("utf-8"), re.M | re.S))
        typed = set(re.findall(r"(?:^|`|\$ )groundwork ([a-z]+)\b", code, re.MULTILINE))
        assert typed - known == set(), path.name


def test_code_of_a_walkthrough_is_not_broken(written: tuple[Path, list[str]], repository: Path) -> None:
    pages, _ = written
    text = (pages / "notebooks" / "07_optimizers.md").read_text(encoding="utf-8")
    shown = re.findall(r'^``` \{ \.python \.walkthrough title="([^"]+)" \}\n(.*?)^```$', text, re.M | re.S)
    assert [title for title, _ in shown] == [
        "Optimizer.step  ·  groundwork/scratch/optim.py",
        "SGD.update  ·  groundwork/scratch/optim.py",
    ]
    library = (repository / "src/groundwork/scratch/optim.py").read_text(encoding="utf-8")
    lines = [line.strip() for _, code in shown for line in code.splitlines() if not line.strip().startswith("#")]
    assert [line for line in lines if line not in library] == []


def test_a_picture_without_a_text_is_refused(tmp_path: Path) -> None:
    source = course.load("07").notebook
    book = json.loads(source.read_text(encoding="utf-8"))
    assert re.findall(r"!\[\]", lessons.page(source).text) == []
    for cell in book["cells"]:
        for output in cell.get("outputs", []):
            output["metadata"] = {}
    (tmp_path / source.name).write_text(json.dumps(book))
    with pytest.raises(UserError, match="a picture without a text"):
        lessons.page(tmp_path / source.name)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("[a](verdict.md#b)", "[a](verdict.md#b)"),
        ("[`a`](../src/groundwork/scratch/optim.py)", "[`a`](../reference/scratch/optim.md)"),
        ("[a](../README.md)", "[a](../index.md)"),
        ("[a](../Makefile)", "a"),
        ("[a](https://dvc.org)", "[a](https://dvc.org)"),
        ("```\n[a](../Makefile)\n```", "```\n[a](../Makefile)\n```"),
    ],
)
def test_links_of_a_file_lead_to_pages(link: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    pages = {
        "README.md": "index.md",
        "docs/sweeps.md": "docs/sweeps.md",
        "docs/verdict.md": "docs/verdict.md",
        "src/groundwork/scratch/optim.py": "reference/scratch/optim.md",
    }
    assert links.rewrite(link, "docs/sweeps.md", pages) == expected


def test_on_github_a_file_without_a_page_is_linked_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SERVER_URL": "https://github.com", "REPOSITORY": "a/b", "SHA": "c"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    assert (
        links.rewrite("[m](../Makefile)", "docs/a.md", {"docs/a.md": "docs/a.md"})
        == "[m](https://github.com/a/b/blob/c/Makefile)"
    )


def test_a_diagram_that_was_not_drawn_again_is_refused() -> None:
    with pytest.raises(UserError, match="found no picture of the diagram"):
        diagrams.replaced("```mermaid\nflowchart LR\n  A[one] --> B\n```\n", "docs/a.md")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ('<a href="gone.html">x</a>', "leads nowhere: gone.html"),
        ('<a href="#gone">x</a>', "no such place: #gone"),
        ('<script src="https://example.org/a.js"></script>', "loads https://example.org/a.js"),
        ('<img src="a.png">', "a picture without a text: a.png"),
    ],
)
def test_what_is_broken_on_a_page_is_named(broken: str, said: str, tmp_path: Path) -> None:
    sound = '<h1 id="top">x</h1><a href="#top">x</a> <a href="https://example.org">x</a> <img src="a.png" alt="a">'
    (tmp_path / "a.png").touch()
    page = tmp_path / "index.html"
    page.write_text(sound)
    check.check(tmp_path, {"index.html"})
    page.write_text(sound + broken)
    with pytest.raises(UserError, match=re.escape(f"index.html: {said}")):
        check.check(tmp_path, {"index.html"})


def test_a_page_that_was_not_rendered_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        check.check(tmp_path, {"reference/a.html"})


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("the rate $\\eta$, and $a_1 * b_2$", ["<mi>&#x003B7;</mi>", "<msub><mi>b</mi><mn>2</mn></msub>"]),
        ("$$\na\n= b$$", ['display="block"']),
        ("from $5 to $6, and `$x$`", []),
    ],
)
def test_formulas_become_mathml(text: str, elements: Iterable[str]) -> None:
    markdown = pytest.importorskip("markdown", reason="only `make docs` installs it")
    pytest.importorskip("latex2mathml", reason="only `make docs` installs it")
    html = markdown.markdown(text, extensions=["website.formulas"])
    assert ("<math" in html) == bool(elements)
    assert [element for element in elements if element not in html] == []
