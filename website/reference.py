"""The reference: a page for each public module of the rooms that people import from, filled from its docstrings."""

import ast
from pathlib import Path

from website.navigation import ROOMS, Entry

PACKAGE = "groundwork"


def modules(source: Path) -> list[str]:
    """List the public modules of the rooms by dotted name, a package before its modules."""
    found = []
    for room in ROOMS:
        for path in sorted([source / PACKAGE / f"{room}.py", *(source / PACKAGE / room).rglob("*.py")]):
            parts = path.relative_to(source).with_suffix("").parts
            if path.exists() and not any(part.startswith("_") and part != "__init__" for part in parts):
                found.append(".".join(part for part in parts if part != "__init__"))
    return sorted(found, key=lambda name: (ROOMS.index(name.split(".")[1]), name))


def file_of(name: str, source: Path) -> Path:
    """Find the file of a module."""
    path = source.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def page_of(name: str, source: Path) -> str:
    """Name the page of a module."""
    inside = "/".join(name.split(".")[1:])
    return f"reference/{inside}/index.md" if source.joinpath(*name.split(".")).is_dir() else f"reference/{inside}.md"


def pages_of_files(names: list[str], root: Path, source: Path) -> dict[str, str]:
    """Name the page of each module's file, and of each package's folder, by path from `root`."""
    found = {}
    for name in names:
        file = file_of(name, source)
        for path in (file, file.parent) if file.name == "__init__.py" else (file,):
            found[path.relative_to(root).as_posix()] = page_of(name, source)
    return found


def text_of(name: str, names: list[str], source: Path) -> str:
    """Write the page of a module; that of a package lists its modules."""
    text = f"# {name.replace('.', '.<wbr>')}\n\n::: {name}\n"  # a long name may be broken after a dot
    below = [other for other in names if other.rpartition(".")[0] == name]
    if below:
        # Names that the package only imports are on the page of the module that defines them.
        text += f"    options:\n      members: {_defined(file_of(name, source))}\n"
        rows = (
            f"| [`{other.rpartition('.')[2]}`]({_link(other, name, source)}) | {_first_line(other, source)} |"
            for other in below
        )
        text += "\n## Modules\n\n| Module | What it is |\n|---|---|\n" + "\n".join(rows) + "\n"
    return text


def menu(names: list[str], source: Path, above: str = PACKAGE) -> list[Entry]:
    """Arrange the pages as the packages are."""
    entries: list[Entry] = []
    for name in names:
        if name.rpartition(".")[0] != above:
            continue
        below = menu(names, source, name)
        page = page_of(name, source)
        entries.append({name.rpartition(".")[2]: [page, *below] if below else page})
    return entries


def _defined(file: Path) -> list[str]:
    names = []
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in names if not name.startswith("_")]


def _link(other: str, package: str, source: Path) -> str:
    folder = page_of(package, source).removesuffix("index.md")
    return page_of(other, source).removeprefix(folder)


def _first_line(name: str, source: Path) -> str:
    text = ast.get_docstring(ast.parse(file_of(name, source).read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("|", "\\|")
