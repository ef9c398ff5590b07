"""Adds a competition to the workspace: looks at its archive, proposes a competition file and a lane, and writes them.

`proposal` holds what was found out; `files`, `columns`, `target`, `splits` find it out; `competition_file`, `lane`
and `params_text` write it.
"""
