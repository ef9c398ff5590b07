"""Links within the repository, as links between pages; a file without a page is linked on GitHub, or just named."""

import os
import posixpath
import re
from collections.abc import Mapping

FENCED = re.compile(r"^(`{3,})[^\n]*\n.*?^\1`*[^\n]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)\)")


def rewrite(text: str, file: str, pages: Mapping[str, str]) -> str:
    """Turn the links of a file into those of its page.

    Parameters
    ----------
    text, file
        The Markdown, and where it lies in the repository.
    pages
        The page of each file or folder of the repository that has one.
    """
    folder = posixpath.dirname(pages[file]) or "."

    def link(match: re.Match[str]) -> str:
        target, _, anchor = match["target"].partition("#")
        if not target or re.match(r"\w+:", target):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
        if path in pages:
            there = posixpath.relpath(pages[path], folder)
            return f"[{match['text']}]({there}{'#' + anchor if anchor else ''})"
        address = _address()
        return f"[{match['text']}]({address}/{path})" if address else match["text"]

    done, end = [], 0
    for block in FENCED.finditer(text):
        done += [LINK.sub(link, text[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*done, LINK.sub(link, text[end:])])


def _address() -> str:
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    return f"{server}/{name}/blob/{os.environ.get('GITHUB_SHA', 'HEAD')}" if server and name else ""
