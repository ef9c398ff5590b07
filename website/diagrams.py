"""Diagrams: GitHub draws Mermaid's text, the pages show pictures of it, so that no script must be loaded.

``python -m website.diagrams mermaid.min.js`` draws all of them in Chromium after a change. The script is in the package
``mermaid`` of npm: ``npm pack mermaid`` fetches it.
"""

import hashlib
import re
import shutil
import sys
from pathlib import Path

from groundwork.errors import UserError
from groundwork.files import writing
from website.navigation import FILES

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "website" / "diagrams"
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LABEL = re.compile(r"[\[(]+\"?([^\]\")]+)\"?[\])]+")
WIDTH = re.compile(r'viewBox="0 0 ([\d.]+)')
READABLE = 600  # pixels: a wider picture is not shrunk to a phone's width, but scrolls
THEMES = {"light": "neutral", "dark": "dark"}
LOAD = "const tag = document.createElement('script'); tag.text = arguments[0]; document.body.append(tag)"
DRAW = """
const [text, theme, done] = arguments;
mermaid.initialize({startOnLoad: false, theme: theme, htmlLabels: false, flowchart: {htmlLabels: false},
                    deterministicIds: true, fontFamily: "system-ui, sans-serif"});
mermaid.render("diagram", text).then(({svg}) => done(svg), (error) => done("error: " + error));
"""


def replaced(text: str, page: str) -> str:
    """Put pictures in the place of diagrams.

    Raises
    ------
    UserError
        If a diagram was changed and not drawn again.
    """
    up = "../" * page.count("/")

    def picture(match: re.Match[str]) -> str:
        name = name_of(match[1])
        if not (FOLDER / f"{name}-light.svg").exists():
            raise UserError(
                f"{page}: found no picture of the diagram that begins with {match[1].splitlines()[:2]}",
                "draw it: `npm pack mermaid`, unpack it, then `python -m website.diagrams package/dist/mermaid.min.js`",
            )
        svg = (FOLDER / f"{name}-light.svg").read_text(encoding="utf-8")
        look = ".diagram .wide" if float(WIDTH.findall(svg)[0]) > READABLE else ".diagram"
        labels = dict.fromkeys(label.replace("<br>", ": ") for label in LABEL.findall(match[1]))
        seen = f"Diagram: {'; '.join(labels)}"
        return "\n".join(f"![{seen}]({up}diagrams/{name}-{kind}.svg#only-{kind}){{ {look} }}" for kind in THEMES)

    return DIAGRAM.sub(picture, text)


def name_of(diagram: str) -> str:
    """Name the picture of a diagram by its text."""
    return hashlib.sha256(diagram.encode()).hexdigest()[:12]


def main() -> None:
    """Draw the diagrams of all pages, light and dark; remove pictures of former ones."""
    from selenium import webdriver

    script = Path(sys.argv[1]).read_text(encoding="utf-8")
    texts = [text for file in FILES for text in DIAGRAM.findall((ROOT / file).read_text(encoding="utf-8"))]
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("found no chromium")
    for argument in ("headless=new", "no-sandbox", "disable-gpu"):
        options.add_argument(f"--{argument}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        browser.get("data:text/html,<body></body>")
        browser.execute_script(LOAD, script)
        for text in texts:
            for kind, theme in THEMES.items():
                svg = browser.execute_async_script(DRAW, text, theme)
                if not svg.startswith("<svg"):
                    sys.exit(svg)
                with writing(FOLDER / f"{name_of(text)}-{kind}.svg") as path:
                    path.write_text(svg + "\n", encoding="utf-8")
    finally:
        browser.quit()
    for path in FOLDER.glob("*.svg"):
        if path.stem.partition("-")[0] not in {name_of(text) for text in texts}:
            path.unlink()
    print(f"{len(texts)} diagrams drawn in {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
