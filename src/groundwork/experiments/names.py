"""Collects the names that syntax trees use, and where they come from, by Python's rules of scope."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
# Where an imported name comes from: a module, and the name in it, or None for the module itself.
Origin: TypeAlias = tuple[str, str | None]
Scope: TypeAlias = dict[str, Origin | None]

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Reference:
    """A name that a definition uses and does not bind itself.

    Attributes
    ----------
    origin
        Where an import inside the definition takes the name from; None where the module itself binds or imports it.
    path
        The name and the attributes after it: ``("bm25", "BM25")`` for ``bm25.BM25``. Where `origin` is a
        module, the path has the attributes only.
    key
        The string constant that it is subscripted by, such as ``auc`` in ``METRICS["auc"]``.
    """

    origin: Origin | None
    path: tuple[str, ...]
    key: str | None = None


@dataclass
class Uses:
    """The names and strings that a piece of syntax uses.

    Attributes
    ----------
    references
        Names that are bound elsewhere.
    attributes
        Names of all attributes that are read.
    strings
        All string constants.
    constants
        Strings that a class's body assigns to a name, such as ``head = "classes"``.
    """

    references: set[Reference] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    constants: set[tuple[str, str]] = field(default_factory=set)


def is_text(statement: ast.AST) -> bool:
    """Whether a statement is a bare string, such as a docstring."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def executed(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when the module is imported, without those for type checkers."""
    for statement in statements:
        if isinstance(statement, ast.If) and _for_types(statement.test):
            yield from executed(statement.orelse)
        else:
            yield statement


def _for_types(test: ast.expr) -> bool:
    name = test.id if isinstance(test, ast.Name) else getattr(test, "attr", "")
    return name == "TYPE_CHECKING"


def origins(statement: ast.Import | ast.ImportFrom, package: str) -> dict[str, Origin]:
    """Return the names that an import binds, and where they come from."""
    if isinstance(statement, ast.Import):
        # `import a.b` binds `a`.
        return {
            alias.asname or alias.name.partition(".")[0]: (
                alias.name if alias.asname else alias.name.partition(".")[0],
                None,
            )
            for alias in statement.names
        }
    module = statement.module or ""
    if statement.level:
        parents = package.split(".")[: len(package.split(".")) - statement.level + 1]
        module = ".".join([*parents, *([module] if module else [])])
    return {alias.asname or alias.name: (module, alias.name) for alias in statement.names}


def bound(statements: Iterable[ast.AST]) -> set[str]:
    """Return the names that `statements` bind in their own scope, without imported ones."""
    names: set[str] = set()
    outer: set[str] = set()
    queue = list(statements)
    while queue:
        node = queue.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, COMPREHENSIONS):
            names |= {inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)}
            continue
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.Global() | ast.Nonlocal():
                outer |= set(node.names)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                names.add(name)
            case ast.MatchMapping(rest=str(name)):
                names.add(name)
        queue += ast.iter_child_nodes(node)
    return names - outer


def uses(nodes: Iterable[ast.AST], package: str) -> Uses:
    """Collect what `nodes`, statements at the top level of a module of `package`, use."""
    visitor = _Visitor(package)
    for node in nodes:
        visitor.visit(node)
    return visitor.uses


class _Visitor(ast.NodeVisitor):
    """Visits syntax trees and keeps track of the scopes that it is in."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.uses = Uses()
        # The innermost scope is last. A class's names are visible in its own body but not in its methods.
        self.scopes: list[tuple[bool, Scope]] = []

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._refer(node.id, ())

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path: list[str] = []
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            path.append(root.attr)
            root = root.value
        if isinstance(node.ctx, ast.Load):
            self.uses.attributes |= set(path)
        else:
            self.uses.attributes |= set(path[1:])
        if isinstance(root, ast.Name):
            self._refer(root.id, tuple(reversed(path)))
        else:
            self.visit(root)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(key))):
                self._refer(name, (), key)
                self.uses.strings.add(key)
            case _:
                self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.uses.strings.add(node.value)

    def visit_MatchClass(self, node: ast.MatchClass) -> None:
        self.uses.attributes |= set(node.kwd_attrs)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node, node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        for statement in node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(value))):
                    self.uses.constants.add((name, value))
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(value))):
                    self.uses.constants.add((name, value))
        self._inside(node.body, self._scope(node.body), is_class=True)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        # Annotations do not run code that counts; they inform people and type checkers.
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        for statement in executed([node]):
            if statement is node:
                self.generic_visit(node)
            else:
                self.visit(statement)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not is_text(node):
            self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node)

    def _comprehension(self, node: Comprehension) -> None:
        first, *_ = node.generators
        self.visit(first.iter)
        self._inside(
            [node], dict.fromkeys(bound(generator.target for generator in node.generators)), of_comprehension=True
        )

    def _function(self, node: Function, body: list[Any]) -> None:
        arguments = node.args
        for part in (*getattr(node, "decorator_list", ()), *arguments.defaults, *arguments.kw_defaults):
            if part is not None:
                self.visit(part)
        every_argument = [
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        ]
        parameters: Scope = dict.fromkeys(argument.arg for argument in every_argument if argument is not None)
        self._inside(body, parameters | self._scope(body))

    def _inside(self, body: list[Any], scope: Scope, *, is_class: bool = False, of_comprehension: bool = False) -> None:
        self.scopes.append((is_class, scope))
        for part in body:
            if of_comprehension:
                self.generic_visit(part)
            else:
                self.visit(part)
        self.scopes.pop()

    def _scope(self, body: list[Any]) -> Scope:
        scope: Scope = dict.fromkeys(bound(body))
        for statement in _own(body):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                scope |= origins(statement, self.package)
        return scope

    def _refer(self, name: str, rest: tuple[str, ...], key: str | None = None) -> None:
        for depth, (is_class, scope) in enumerate(reversed(self.scopes)):
            if name in scope and not (is_class and depth):
                origin = scope[name]
                if origin is not None:
                    self.uses.references.add(Reference(origin, rest, key))
                return
        self.uses.references.add(Reference(None, (name, *rest), key))


def _own(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield all nodes of a scope, without those of the functions and classes inside it."""
    queue = list(body)
    while queue:
        node = queue.pop()
        yield node
        if not isinstance(node, SCOPES):
            queue += ast.iter_child_nodes(node)
