"""The page of all commands, from what ``--help`` says."""

import re
from collections.abc import Iterator
from typing import Any

PAGE = "reference/commands.md"
PROGRAM = "groundwork"
HEAD = """# Commands

`groundwork COMMAND --help` says the same in a terminal. Exit codes: 0; 1 for an error of ours, 2 for one that you can
fix, 130 after Ctrl-C.
"""


def text_of() -> str:
    """Write the page: the commands in the groups of ``groundwork --help``."""
    import typer

    from groundwork.cli import app

    groups: dict[str, list[str]] = {}
    group = ""
    for name, command in _commands(typer.main.get_command(app), PROGRAM):
        panel = command.rich_help_panel
        group = panel if isinstance(panel, str) else group  # a command below another one is in the group of that
        said = [_parameter(parameter) for parameter in command.params if not parameter.hidden and parameter.help]
        heading = f"### {name} {{ #{name.replace(' ', '-')} }}"
        groups.setdefault(group, []).append("\n\n".join([heading, _prose(command.help or ""), "\n".join(said)]))
    return "\n\n".join([HEAD, *(f"## {group}\n\n" + "\n\n".join(below) for group, below in groups.items())]) + "\n"


def names() -> list[str]:
    """List all commands, those below another one with both words."""
    import typer

    from groundwork.cli import app

    return [name for name, _ in _commands(typer.main.get_command(app), PROGRAM)]


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    for word, below in command.commands.items():
        if not below.hidden:
            yield f"{name} {word}", below
            if hasattr(below, "commands"):
                yield from _commands(below, f"{name} {word}")


def _parameter(parameter: Any) -> str:
    word = parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "argument":
        shown = f"`{word}`"
    else:
        value = "" if parameter.is_flag else f" {word}"
        shown = ", ".join(f"`{option}{value}`" for option in (*parameter.opts, *parameter.secondary_opts))
    return f"- {shown}: {_prose(parameter.help)}"


def _prose(text: str) -> str:
    """Let `<lane>` be text, but not between backticks, where it is text anyway; link the guides that are named."""
    parts = re.split(r"(`[^`]*`)", text)
    text = "".join(part if place % 2 else part.replace("<", "&lt;") for place, part in enumerate(parts))
    return re.sub(r"docs/\w+\.md", r"[\g<0>](../\g<0>)", text)
