"""Follows names from a stage's function to every definition of this package that the stage uses."""

import ast
import copy
import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from groundwork.experiments.names import Reference, Uses
from groundwork.experiments.source import Module, digest

PACKAGE = "groundwork"
MARKER = "ByName"
# A dotted path in the lane's settings, such as `callbacks.lr.MyMonitor`.
DOTTED = re.compile(r"\w+(\.\w+)+")
# This function imports what a dotted path names, so a stage that reaches it uses every class that the lane names so.
LOADER = f"{PACKAGE}.naming.load"
# Where the classes of competitions are. A property of such a class counts for a stage that reads it, as a field does.
COMPETITIONS = f"{PACKAGE}.competitions"
# These builtins look names up at run time, which would hide them from this walk.
DYNAMIC = frozenset({"__import__", "eval", "exec", "globals", "import_module"})

# What is logged of a stage has no influence on what it makes, so a change there must train nothing again.
WATCHING = f"{PACKAGE}.tracking"

Place = tuple[str, str]


class HiddenNameError(Exception):
    """A stage's code looks names up in a way that cannot be followed."""


@lru_cache(maxsize=1024)
def _module(name: str, path: Path, changed: int, size: int) -> Module:
    """Parse a file; parse it again once it has changed."""
    return Module.read(name, path)


@lru_cache(maxsize=16384)
def _used(module: Module, part: str, nodes: tuple[ast.AST, ...]) -> tuple[str, Uses]:
    return digest(nodes), module.uses(nodes)


class Walk:
    """The definitions reached so far, and the references still to be followed.

    Parameters
    ----------
    source
        The folder that holds the package.
    words
        Strings of the lane's settings, which choose the entries of tables.

    Attributes
    ----------
    hashes
        A hash for each definition reached so far, by its dotted name.
    """

    def __init__(self, source: Path, words: set[str]) -> None:
        self.source = source
        self.words = words
        self.attributes: set[str] = set()
        self.constants: set[tuple[str, str]] = set()
        self.hashes: dict[str, str] = {}
        self.modules: dict[str, Module | None] = {}
        self.tables: dict[Place, ast.Dict] = {}
        self.elements: dict[Place, str] = {}
        self.own: set[str] = set()
        self.whole: set[Place] = set()
        self.fields: dict[str, ast.keyword] = {}
        self.properties: dict[tuple[str, str], tuple[Module, ast.stmt]] = {}
        self.competition_module: Module | None = None
        self.ours: dict[str, bool] = {}
        self.queue: list[tuple[Module, str, Reference, Uses]] = []

    def finish(self) -> None:
        """Follow references, tables and fields until nothing new is reached."""
        while True:
            while self.queue:
                self._refer(*self.queue.pop())
            before = len(self.hashes)
            for name, field in self.fields.items():
                if self.competition_module is not None and name in self.attributes:
                    self._enter(self.competition_module, f"competition.{name}", (field.value,))
                    # The strings of such a field (a metric, a kind) choose the entries of tables too.
                    self.words |= self.competition_module.uses([field.value]).strings
            for (owner, name), (home, body) in self.properties.items():
                if name in self.attributes:
                    self._enter(home, f"{owner}.{name}", (body,))
            self.words |= {value for name, value in self.constants if name in self.attributes}
            for (module, table), entries in self.tables.items():
                self._follow_entries(module, table, entries, self.words)
            if self.queue or len(self.hashes) > before:
                continue
            # Something other than the lane's words chooses from a table without a followed entry, so all of it counts.
            # An object of the competition's own takes the place of an entry, and chooses none.
            chosen = self.tables.keys() - self.whole - {place for place, of in self.elements.items() if of in self.own}
            untouched = [place for place in chosen if not self._touched(*place)]
            if not untouched:
                return
            for place in untouched:
                self.whole.add(place)
                self._follow_entries(*place, self.tables[place], None)

    def competition(self, name: str) -> None:
        """Note the fields of the competition that the module `name` defines, and follow the rest of its definition."""
        module = self._load(name)
        if module is None:
            raise HiddenNameError(f"{name}: no such module")
        for statement in module.definitions.get("competition", []):
            value = getattr(statement, "value", None)
            if isinstance(value, ast.Call) and all(keyword.arg for keyword in value.keywords):
                self.competition_module = module
                self.fields |= {str(keyword.arg): keyword for keyword in value.keywords}
                self._enter(module, "competition", (value.func, *value.args))
            else:
                self._enter(module, "competition", (statement,))

    def reach(self, module_name: str, path: tuple[str, ...], key: str | None = None) -> None:
        """Follow `path`, a name in the module and its attributes; an empty path means the module itself."""
        module = self._load(module_name)
        if module is None:
            return
        if not path:
            # The module is used as an object, so any of its names may be read from it.
            for name in (*module.definitions, *module.imports):
                self.reach(module_name, (name,))
            return
        name, *rest = path
        if name in module.definitions:
            self._define(module, name, key)
        elif module.imports.get(name, (module_name, name)) != (module_name, name):
            origin, inner = module.imports[name]
            self._effects(module)
            self._follow(origin, inner, tuple(rest), key)
        elif self._load(f"{module_name}.{name}") is not None:
            self.reach(f"{module_name}.{name}", tuple(rest), key)
        elif "*" in module.imports:
            raise HiddenNameError(f"{module_name}: import * hides where {name} comes from")

    def _follow(self, origin: str, inner: str | None, rest: tuple[str, ...], key: str | None) -> None:
        if inner is not None:
            rest = (inner, *rest)
        if not self._is_ours(origin):
            # The name counts, but the code of other packages is not followed.
            self.hashes[f"{origin}:{'.'.join(rest[:1])}"] = "external"
            return
        self.reach(origin, rest, key)

    def _define(self, module: Module, name: str, key: str | None) -> None:
        statements = module.definitions[name]
        if module.name == COMPETITIONS:
            statements, properties = _apart(module, name)
            self.properties |= {(name, inner): (module, body) for inner, body in properties.items()}
        table = _table(statements)
        if table is None:
            self._enter(module, name, tuple(statements))
        elif key is not None:
            self._follow_entries(module.name, name, table, {key})
        else:
            self.tables.setdefault((module.name, name), table)
            self.elements[module.name, name] = _element(statements)

    def _follow_entries(self, module_name: str, table: str, entries: ast.Dict, words: set[str] | None) -> None:
        """Follow the entries of a table whose keys are in `words`, or all of them where `words` is None."""
        module = self._load(module_name)
        assert module is not None  # the table was read from it
        for key, value in zip(entries.keys, entries.values, strict=True):
            name = str(getattr(key, "value", ""))
            if words is None or name in words:
                self._enter(module, f"{table}[{name}]", (value,))

    def _touched(self, module: str, table: str) -> bool:
        return any(name.startswith(f"{module}.{table}[") for name in self.hashes)

    def _enter(self, module: Module, part: str, nodes: tuple[ast.AST, ...]) -> None:
        """Note a definition and queue what it refers to; do nothing if it is known."""
        name = f"{module.name}.{part}" if part else module.name
        if name in self.hashes:
            return
        self.hashes[name], used = _used(module, part, nodes)
        self._effects(module)
        self.attributes |= used.attributes
        self.constants |= used.constants
        self.queue += [(module, name, reference, used) for reference in used.references]

    def _effects(self, module: Module) -> None:
        """Note what importing a module does, with its parent packages."""
        parent = module.name.rpartition(".")[0]
        above = self._load(parent) if parent else None
        if above is not None:
            self._effects(above)
        if module.effects and module.name not in self.hashes:
            self._enter(module, "", tuple(module.effects))

    def _refer(self, module: Module, where: str, reference: Reference, used: Uses) -> None:
        if where == LOADER:
            self._dotted_paths()
            return
        path, first = reference.path, reference.path[0] if reference.path else ""
        imported = reference.origin or module.imports.get(first)
        if imported and module is self.competition_module:
            self.own.add(str(imported[1]))
        names = {*path, *((imported[1],) if imported else ())} - module.definitions.keys()
        if DYNAMIC & names:
            raise HiddenNameError(f"{where}: {'.'.join(path)} looks names up at run time")
        if not imported and "*" in module.imports and first not in module.definitions:
            raise HiddenNameError(f"{where}: import * hides where {'.'.join(path)} comes from")
        if reference.origin is not None:
            self._follow(*reference.origin, path, reference.key)
        elif imported or first in module.definitions:
            self.reach(module.name, path, reference.key)
        elif first == "__file__":
            self._files(module, where, used.strings)

    def _dotted_paths(self) -> None:
        """Follow the classes that the lane names by dotted path."""
        for word in self.words:
            module_name, _, name = word.rpartition(".")
            module = self._load(module_name) if DOTTED.fullmatch(word) else None
            if module is not None and name in module.definitions:
                self.reach(module_name, (name,))

    def _files(self, module: Module, where: str, names: Iterable[str]) -> None:
        """Note the files that a definition names, in the folder of its module."""
        files = [module.path.parent / name for name in names if "." in name and (module.path.parent / name).is_file()]
        if not files:
            raise HiddenNameError(f"{where}: uses __file__ but names no file in its folder")
        for file in files:
            self.hashes[f"{module.name}:{file.name}"] = hashlib.sha256(file.read_bytes()).hexdigest()[:16]

    def _is_ours(self, name: str) -> bool:
        """Whether a module is in the source folder, and more than a spectator."""
        if name == WATCHING or name.startswith(f"{WATCHING}."):
            return False
        top = name.partition(".")[0]
        if top not in self.ours:
            self.ours[top] = (self.source / top).is_dir() or (self.source / f"{top}.py").is_file()
        return self.ours[top]

    def _load(self, name: str) -> Module | None:
        """Parse a module of this package; None where there is none of that name."""
        if name not in self.modules:
            self.modules[name] = None
            place = self.source.joinpath(*name.split("."))
            if self._is_ours(name):
                for path in (place.with_suffix(".py"), place / "__init__.py"):
                    if path.is_file():
                        stat = path.stat()
                        self.modules[name] = _module(name, path, stat.st_mtime_ns, stat.st_size)
        return self.modules[name]


def _element(statements: list[ast.stmt]) -> str:
    """Return the class of a table's objects, `Metric` of ``ByName[Metric]``; empty if it is none."""
    match statements:
        case [ast.AnnAssign(annotation=ast.Subscript(slice=ast.Name(id=name)))]:
            return name
    return ""


@lru_cache(maxsize=256)
def _apart(module: Module, name: str) -> tuple[list[ast.stmt], dict[str, ast.stmt]]:
    """Take the properties out of a definition that is a class."""
    match module.definitions[name]:
        case [ast.ClassDef() as whole]:
            functions = [inner for inner in whole.body if isinstance(inner, ast.FunctionDef)]
            properties: dict[str, ast.stmt] = {inner.name: inner for inner in functions if _is_property(inner)}
            rest = [inner for inner in whole.body if inner not in properties.values()]
            without = copy.copy(whole)
            without.body = rest
            return [without], properties
    return module.definitions[name], {}


def _is_property(function: ast.FunctionDef) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id == "property" for mark in function.decorator_list)


def _table(statements: list[ast.stmt]) -> ast.Dict | None:
    """Return the entries of a table annotated `ByName`; None for any other definition."""
    match statements:
        case [ast.AnnAssign(annotation=annotation, value=ast.Dict() as entries)]:
            marks = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
            marks |= {node.attr for node in ast.walk(annotation) if isinstance(node, ast.Attribute)}
            if MARKER in marks and all(
                isinstance(key, ast.Constant) and isinstance(key.value, str) for key in entries.keys
            ):
                return entries
    return None
