"""Locates the class that a dotted path in params.yaml names, without running its code.

The rule: ``module.Class`` or ``package.module.Class`` is the class ``Class`` in ``src/module.py`` or
``src/package/module.py`` of this repository (or in a package's ``__init__.py``), and
``pytorch_lightning.callbacks.Class`` is one of Lightning's. No other path is accepted: params.yaml names code of this
repository, and the code's fingerprint follows it by this rule.
"""

import ast
from importlib.util import find_spec
from pathlib import Path

import groundwork
from groundwork.errors import UserError, meant

SOURCE = Path(groundwork.__path__[0]).parent
LIGHTNING = "pytorch_lightning.callbacks"
KEY = "params.yaml: training.callbacks"


def locate(path: str, source: Path = SOURCE) -> Path | None:
    """Return the file that defines the class of `path`; None for one of Lightning's.

    Parameters
    ----------
    path
        Such as ``callbacks.lr.MyMonitor``.
    source
        The folder to search for modules.

    Raises
    ------
    UserError
        If the path names no such class.
    """
    module, _, name = path.rpartition(".")
    if module == LIGHTNING:
        if name in lightning_callbacks():
            return None
        raise UserError(
            f"{KEY}: found {path!r}; Lightning has no such callback{meant(name, lightning_callbacks())}",
            "name one of https://lightning.ai/docs/pytorch/stable/extensions/callbacks.html in params.yaml",
        )
    for file in (source / f"{module.replace('.', '/')}.py", source / module.replace(".", "/") / "__init__.py"):
        if module and file.is_file():
            defined = classes(file)
            if name in defined:
                return file
            raise UserError(
                f"{KEY}: found {path!r}; src/{file.relative_to(source)} has no class {name!r}{meant(name, defined)}",
                f"name a class of that file in params.yaml, or write it there: class {name}(pl.Callback)",
            )
    raise UserError(
        f"{KEY}: found {path!r}; expected {LIGHTNING}.<Class>, or <module>.<Class> of a file below src/"
        f"{_near(path, source)}",
        f"write src/{(module or 'callbacks').replace('.', '/')}.py with that class, or fix the path in params.yaml",
    )


def classes(file: Path) -> list[str]:
    """Return the names of the classes that `file` defines at its top level; raise `UserError` if it is not Python."""
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{file}: is not Python: {error}", "fix the file and run the command again") from None
    return [statement.name for statement in tree.body if isinstance(statement, ast.ClassDef)]


def lightning_callbacks() -> list[str]:
    """Return the names of Lightning's callbacks from its source file, since importing Lightning takes seconds."""
    package = find_spec("pytorch_lightning")
    assert package is not None
    assert package.origin is not None
    tree = ast.parse((Path(package.origin).parent / "callbacks" / "__init__.py").read_bytes())
    imports = [statement for statement in tree.body if isinstance(statement, ast.ImportFrom)]
    return [alias.name for statement in imports for alias in statement.names]


def _near(path: str, source: Path) -> str:
    """Suggest the path that was probably meant."""
    files = [file for file in source.rglob("*.py") if not file.is_relative_to(source / "groundwork")]
    modules = [".".join(file.relative_to(source).with_suffix("").parts).removesuffix(".__init__") for file in files]
    own = [f"{module}.{name}" for module, file in zip(modules, files, strict=True) for name in _classes_or_none(file)]
    if path.rpartition(".")[2] in lightning_callbacks():
        return f"; did you mean '{LIGHTNING}.{path.rpartition('.')[2]}'?"
    return meant(path, own)


def _classes_or_none(file: Path) -> list[str]:
    try:
        return classes(file)
    except UserError:
        return []
