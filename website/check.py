"""Looks at the rendered pages: links lead somewhere, nothing comes from the network, pictures have a text."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

from groundwork.errors import UserError

LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
FOR_MACHINES = ("canonical", "generator")


class Page(HTMLParser):
    """What a page contains: ids, links, what it loads, and pictures without a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.silent: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        given = dict(attrs)
        self.ids |= {given.get("id") or "", (given.get("name") if tag == "a" else "") or ""}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        if tag in LOADS and (address := given.get(LOADS[tag])) and given.get("rel") not in FOR_MACHINES:
            self.loads.append(address)
        if tag == "img" and not given.get("alt"):
            self.silent.append(given.get("src") or "")


def check(site: Path, expected: set[str]) -> None:
    """Look at all pages.

    Parameters
    ----------
    site
        The folder.
    expected
        The pages that must be there.

    Raises
    ------
    UserError
        With all problems, a line each.
    """
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    problems = [f"{name}: missing" for name in sorted(expected) if not (site / name).exists()]
    for path, page in pages.items():
        name = path.relative_to(site).as_posix()
        problems += [f"{name}: a picture without a text: {address}" for address in page.silent]
        problems += [f"{name}: loads {address}" for address in page.loads if _is_outside(address)]
        for address in [*page.links, *page.loads]:
            if _is_outside(address) or address.startswith(("mailto:", "data:", "javascript:")):
                continue
            target, anchor = urldefrag(address)
            there = (path.parent / unquote(target)).resolve() if target else path
            if not there.is_file():
                problems.append(f"{name}: leads nowhere: {address}")
            elif there in pages and anchor and unquote(anchor) not in pages[there].ids:
                problems.append(f"{name}: no such place: {address}")
    if problems:
        raise UserError("found broken pages:\n" + "\n".join(problems), "mend the Markdown or docstring they come from")


def _is_outside(address: str) -> bool:
    return address.startswith(("http:", "https:", "//"))
