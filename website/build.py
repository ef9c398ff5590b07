"""Builds the documentation: `make docs`. The pages open from build/site/index.html, without a server or a network."""

import re
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from groundwork.errors import UserError
from website import check, commands, diagrams, lessons, links, navigation, reference

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
PAGES, SITE = BUILD / "pages", BUILD / "site"
SOURCE = ROOT / "src"
REPORT = ROOT / "results" / "report" / "index.html"
NOISE = r"\x1b\[[0-9;]*m|^Build .*|^No issues found|^Traceback[^\x00]*"  # of the generator: colors, progress, itself


def write_pages(pages: Path) -> list[navigation.Entry]:
    """Write all pages as Markdown, with their pictures; return the menu.

    Raises
    ------
    UserError
        If a file of docs/ is in no menu, or a page lacks something.
    """
    if lost := navigation.missing(ROOT):
        raise UserError(f"found in no menu: {', '.join(lost)}", "add it to GUIDES or RESULTS in website/navigation.py")
    files = (*navigation.FILES, navigation.LESSONS)
    notebooks = sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))
    modules = reference.modules(SOURCE)
    page_of = {file: navigation.page_of(file) for file in (*files, *(f"notebooks/{path.name}" for path in notebooks))}
    page_of |= reference.pages_of_files(modules, ROOT, SOURCE)

    for file in files:
        text = links.rewrite((ROOT / file).read_text(encoding="utf-8"), file, page_of)
        text = diagrams.replaced(text, page_of[file]).replace(" ± ", "\N{NO-BREAK SPACE}± ")
        _write(pages / page_of[file], _layout(file, text) + text)
    titles = {}
    for path in notebooks:
        file, lesson = f"notebooks/{path.name}", lessons.page(path)
        titles[lesson.title] = page_of[file]
        _write(pages / page_of[file], links.rewrite(lesson.text, file, page_of))
        for name, picture in lesson.pictures.items():
            (pages / "notebooks" / name).write_bytes(picture)
    for name in modules:
        _write(pages / reference.page_of(name, SOURCE), reference.text_of(name, modules, SOURCE))
    _write(pages / commands.PAGE, commands.text_of())
    for drawn in ROOT.glob("docs/*.png"):
        shutil.copy(drawn, pages / "docs")
    for folder in ("assets", "diagrams"):
        shutil.copytree(ROOT / "website" / folder, pages / folder)
    return navigation.menu(
        titles, [{"Commands": commands.PAGE}, *reference.menu(modules, SOURCE)], report=REPORT.exists()
    )


def _layout(file: str, text: str) -> str:
    # The first page has no neighbours to list; without sections, a wide table gets the room of their list.
    hidden = ["navigation"] * (file == "README.md") + ["toc"] * ("\n## " not in text)
    return f"---\nhide: [{', '.join(hidden)}]\n---\n" if hidden else ""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Write the pages, render them strictly, and look for what is broken; exit with 2 if anything is."""
    started = time.monotonic()
    for folder in (PAGES, SITE, BUILD / ".cache"):
        shutil.rmtree(folder, ignore_errors=True)
    PAGES.mkdir(parents=True)
    try:
        menu = write_pages(PAGES)
        config = (ROOT / "website" / "zensical.toml").read_text(encoding="utf-8")
        (BUILD / "zensical.toml").write_text(config.replace("nav = []", f"nav = {navigation.toml(menu)}"), "utf-8")
        _render()
        (SITE / "404.html").unlink()  # it would need to know the address of the site
        if REPORT.exists():
            shutil.copy(REPORT, SITE / "report.html")
        check.check(SITE, {re.sub(r"\.md$", ".html", page) for page in navigation.pages(menu)})
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    pages = sum(1 for _ in SITE.rglob("*.html"))
    size = sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file()) / 2**20
    print(f"{pages} pages, {size:.1f} MB, in {time.monotonic() - started:.0f} s: {SITE.relative_to(ROOT)}/index.html")


def _render() -> None:
    if find_spec("zensical") is None:
        raise UserError("found no zensical, which renders the pages", "run `make docs`: it installs what it needs")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(BUILD / "zensical.toml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = re.sub(NOISE, "", done.stdout + done.stderr, flags=re.MULTILINE)
    # Warnings about docstrings do not stop Zensical, so anything that it says counts.
    if done.returncode or said.strip():
        raise UserError(f"the pages could not be rendered without a warning:\n{said.strip()}", "mend what it names")


if __name__ == "__main__":
    main()
