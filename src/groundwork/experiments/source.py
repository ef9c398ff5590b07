"""Parses source files into definitions, and hashes each definition's code.

A definition is a function, a class or an assignment at the top level of a module. Files are parsed; nothing is imported
or run. Hashes ignore comments, docstrings, formatting and the annotations of functions, and are the same on every
version of Python that can parse the file.
"""

import ast
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from groundwork.experiments.names import Origin, Uses, bound, executed, is_text, origins, uses

# Fields of syntax trees that do not affect what the code does.
IGNORED = ("ctx", "kind", "type_comment", "type_ignores")


@dataclass(frozen=True, eq=False)
class Module:
    """A parsed source file.

    Attributes
    ----------
    name
        Its dotted name.
    path
        The file.
    definitions
        Statements that bind each name at the top level of the module.
    imports
        Where each imported name comes from.
    effects
        Top-level statements that do something when the module is imported.
    """

    name: str
    path: Path
    definitions: dict[str, list[ast.stmt]]
    imports: dict[str, Origin]
    effects: list[ast.stmt]

    @classmethod
    def read(cls, name: str, path: Path) -> "Module":
        """Parse the file of the module `name`; raise SyntaxError as `ast.parse` does."""
        tree = ast.parse(path.read_bytes(), filename=str(path))
        definitions: dict[str, list[ast.stmt]] = {}
        imports: dict[str, Origin] = {}
        effects: list[ast.stmt] = []
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for statement in executed(tree.body):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                imports |= origins(statement, package)
                continue
            names = [] if is_text(statement) else sorted(bound([statement]))
            for bound_name in names:
                definitions.setdefault(bound_name, []).append(statement)
            plain = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
            if not is_text(statement) and not (names and isinstance(statement, plain)):
                effects.append(statement)
        return cls(name, path, definitions, imports, effects)

    @cached_property
    def package(self) -> str:
        """The package from which the module's relative imports start."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    def uses(self, nodes: Iterable[ast.AST]) -> Uses:
        """Collect what `nodes`, top-level statements of this module, use."""
        return uses(nodes, self.package)


def digest(nodes: Iterable[ast.AST]) -> str:
    """Hash syntax trees to 16 hexadecimal digits."""
    text = "\n".join(_canonical(node) for node in nodes)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _canonical(value: Any, parent: str = "") -> str:
    """Write a tree by its named fields; empty ones are left out, since new versions of Python add fields."""
    if isinstance(value, list):
        return f"[{', '.join(_canonical(item, parent) for item in value)}]"
    if isinstance(value, ast.JoinedStr):
        return f"JoinedStr({', '.join(map(_canonical, _joined(value)))})"
    if not isinstance(value, ast.AST):
        return f"{type(value).__name__} {value!r}"
    kind = type(value).__name__
    parts = []
    for name, content in ast.iter_fields(value):
        # In the body of a class an annotation makes a field; elsewhere it informs people and type checkers only.
        annotates = name in ("annotation", "returns") and not (kind == "AnnAssign" and parent == "ClassDef")
        if annotates or name in IGNORED:
            continue
        kept = [item for item in content if not is_text(item)] if isinstance(content, list) else content
        if kept is not None and kept != []:
            parts.append(f"{name}={_canonical(kept, kind)}")
    return f"{kind}({', '.join(parts)})"


def _joined(value: ast.JoinedStr) -> list[ast.expr]:
    """Return an f-string's parts, with neighbouring constants joined: Python versions split them differently."""
    parts: list[ast.expr] = []
    for part in value.values:
        match parts, part:
            case [*_, ast.Constant(value=str(before))], ast.Constant(value=str(after)):
                parts[-1] = ast.Constant(before + after)
            case _, ast.Constant(value=""):
                pass
            case _:
                parts.append(part)
    return parts
