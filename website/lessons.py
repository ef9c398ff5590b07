"""Lessons as Markdown: the cells of a built notebook, their outputs and their pictures."""

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundwork.errors import UserError

STYLE = re.compile(r"<style.*?</style>|\s(?:border|style|class)=\"[^\"]*\"", re.DOTALL)
TITLE = re.compile(r"^(?P<title>\S[^\n]*  ·  \S+\.py|\S+\.py)\n-+\n", re.MULTILINE)  # as a walkthrough writes it


@dataclass(frozen=True)
class Page:
    """A lesson as a page.

    Attributes
    ----------
    title
        Its first heading.
    text
        Markdown.
    pictures
        PNG files by name.
    """

    title: str
    text: str
    pictures: dict[str, bytes]


def page(notebook: Path) -> Page:
    """Turn a built notebook into a page.

    Raises
    ------
    UserError
        If a picture has no description.
    """
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(fenced(source, "python"))
        for output in cell["outputs"]:
            picture = output.get("data", {}).get("image/png")
            if picture is None:
                parts.append(_shown(output))
                continue
            seen = output["metadata"].get("image/png", {}).get("alt")
            if not seen:
                raise UserError(
                    f"{notebook.name}: found a picture without a text for people who cannot see it",
                    f'write the text into {notebook.stem}.py: show("what a person sees"); then run `make lessons`',
                )
            name = f"{notebook.stem}_{len(pictures) + 1}.png"
            pictures[name] = base64.b64decode("".join(picture))
            parts.append(f"![{' '.join(seen.split())}]({name})")
    first, _, rest = "\n\n".join(parts).partition("\n")
    number = int(notebook.name[:2])
    start = f"*`groundwork lesson start {number}` copies this page as a notebook, to run and to change.*"
    return Page(first.removeprefix("# "), f"{first}\n\n{start}\n{rest}\n", pictures)


def fenced(text: str, language: str, more: str = "") -> str:
    """Put a text into a block of code whose fence it does not contain."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"{fence} {{ .{language}{more} }}\n{text.rstrip()}\n{fence}"


def _shown(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    plain = "".join(data.get("text/plain", output.get("text", "")))
    if TITLE.match(plain):
        return _walkthrough(plain)
    if "text/html" in data:
        return f'<div class="output" markdown="0">{STYLE.sub("", "".join(data["text/html"])).strip()}</div>'
    return fenced(plain, "text", " .output")


def _walkthrough(plain: str) -> str:
    """Show the code with its notes as comments: highlighted, and with the lines as they are in the library."""
    starts = list(TITLE.finditer(plain))
    ends = [*(start.start() for start in starts[1:]), len(plain)]
    return "\n\n".join(
        fenced(plain[start.end() : end].replace("``", "`"), "python", f' .walkthrough title="{start["title"]}"')
        for start, end in zip(starts, ends, strict=True)
    )
