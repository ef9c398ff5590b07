"""Formulas as MathML, which browsers draw without a script or a font: `$...$` in a line, `$$...$$` on its own."""

import re
from typing import Any

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor

BLOCK = r"\$\$(.+?)\$\$"
INLINE = r"\$(?=\S)([^$]*?[^\s$])\$(?!\d)"
# Above the escapes of Markdown, whose backslashes belong to LaTeX here; below the code between backticks.
PRIORITY = 185


class Formula(InlineProcessor):
    """Replaces a formula by its MathML."""

    def __init__(self, pattern: str, md: Markdown, display: str) -> None:
        super().__init__(pattern, md)
        self.compiled_re = re.compile(pattern, re.DOTALL)
        self.display = display

    def handleMatch(self, match: re.Match[str], data: str) -> Any:  # noqa: N802, D102
        html = convert(" ".join(match[1].split()), display=self.display)
        return self.md.htmlStash.store(html), match.start(0), match.end(0)


class Formulas(Extension):
    """The extension of Python-Markdown."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802, D102
        md.inlinePatterns.register(Formula(BLOCK, md, "block"), "formula-block", PRIORITY + 1)
        md.inlinePatterns.register(Formula(INLINE, md, "inline"), "formula-inline", PRIORITY)


def makeExtension(**settings: Any) -> Formulas:  # noqa: N802
    """Make the extension: Python-Markdown looks this name up."""
    return Formulas(**settings)
