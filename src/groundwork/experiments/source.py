"""Source files as definitions: what each one says, as a hash, and which other definitions it names.

A definition is a function, a class or an assignment at the top of a module. Nothing is imported or run: the files are
parsed. Hashes leave out comments, docstrings, formatting and the annotations of functions, and are the same on every
Python that can parse the file.
"""

import ast
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from groundwork.experiments.names import Origin, Uses, bound, executed, is_text, origins, uses

# Fields of syntax trees that say nothing of what the code does.
UNSAID = ("ctx", "kind", "type_comment", "type_ignores")


@dataclass(frozen=True, eq=False)
class Module:
    """A parsed source file.

    Attributes
    ----------
    name
        Dotted.
    path
        The file.
    definitions
        Statements that bind a name at the top of the module.
    imports
        Where imported names come from.
    effects
        Statements at the top that do something when the module is imported.
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
            for each in names:
                definitions.setdefault(each, []).append(statement)
            plain = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
            if not is_text(statement) and not (names and isinstance(statement, plain)):
                effects.append(statement)
        return cls(name, path, definitions, imports, effects)

    @cached_property
    def package(self) -> str:
        """The package whose relative imports start here."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    def uses(self, nodes: Iterable[ast.AST]) -> Uses:
        """Collect what `nodes`, which stand at the top of this module, use."""
        return uses(nodes, self.package)


def digest(nodes: Iterable[ast.AST]) -> str:
    """Hash syntax trees: 16 hexadecimal digits."""
    text = "\n".join(_canonical(node) for node in nodes)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _canonical(value: Any, of: str = "") -> str:
    """Write a tree over its named fields; what is empty is left out, so that new, unused fields change nothing."""
    if isinstance(value, list):
        return f"[{', '.join(_canonical(each, of) for each in value)}]"
    if isinstance(value, ast.JoinedStr):
        return f"JoinedStr({', '.join(map(_canonical, _joined(value)))})"
    if not isinstance(value, ast.AST):
        return f"{type(value).__name__} {value!r}"
    kind = type(value).__name__
    parts = []
    for name, content in ast.iter_fields(value):
        # In the body of a class an annotation makes a field; elsewhere it speaks to people and type checkers.
        annotates = name in ("annotation", "returns") and not (kind == "AnnAssign" and of == "ClassDef")
        if annotates or name in UNSAID:
            continue
        said = [each for each in content if not is_text(each)] if isinstance(content, list) else content
        if said is not None and said != []:
            parts.append(f"{name}={_canonical(said, kind)}")
    return f"{kind}({', '.join(parts)})"


def _joined(value: ast.JoinedStr) -> list[ast.expr]:
    """Parts of an f-string; Pythons differ in how they cut the constant ones."""
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
