"""Builds executed notebooks from their sources: ``make lessons``. The same code gives the same bytes.

Changes of a generated notebook are lost at the next build.
"""

import argparse
import hashlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode
from traitlets.config import Config

from groundwork.errors import UserError
from groundwork.files import writing
from groundwork.lessons import course

SECONDS = 300  # the limit for one cell, on a busy machine
ENVIRONMENT = {
    # An exported MPLBACKEND such as agg would leave the notebook without a figure, and without an error.
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    # Sums depend on how many threads share them; lessons are small, and a core each is enough.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "COLUMNS": "100",
    "PYTHONHASHSEED": "0",
    "WANDB_MODE": "disabled",
}
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def read(source: Path) -> NotebookNode:
    """Read a lesson's cells, not executed, with ids that depend on their content."""
    notebook: NotebookNode = jupytext.read(source)
    notebook.metadata = nbformat.from_dict(METADATA)
    for place, cell in enumerate(notebook.cells):
        # The position counts, too: two cells may be equal.
        cell.id = hashlib.sha256(f"{place} {cell.source}".encode()).hexdigest()[:12]
        cell.metadata = NotebookNode()
    return notebook


def build(lesson: course.Lesson) -> float:
    """Execute a lesson in a kernel of its own and write its notebook; return how many seconds that took.

    Raises
    ------
    UserError
        If a cell fails: the notebook that was there stays.
    """
    started = time.monotonic()
    notebook = read(lesson.source)
    try:
        # No port: a kernel and this process communicate by sockets in a separate folder.
        with tempfile.TemporaryDirectory() as folder:
            NotebookClient(
                notebook,
                timeout=SECONDS,
                kernel_name="python3",
                config=Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}}),
                record_timing=False,
                resources={"metadata": {"path": str(course.ROOT)}},
            ).execute(env={**os.environ, **ENVIRONMENT})
    except (CellExecutionError, CellTimeoutError, RuntimeError) as error:
        # A kernel that dies, or does not start, is a RuntimeError.
        what = "a cell failed" if isinstance(error, CellExecutionError) else "was not run to its end"
        message = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
        problem = f"{lesson.source.name}: {what}:\n{message}"
        raise UserError(problem, f"run it by itself: `groundwork lesson run {lesson.number}`") from None
    # The kernel writes its version of Python: another version would change every notebook.
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = list(_outputs(lesson, cell.outputs))
    with writing(lesson.notebook) as path:
        nbformat.write(notebook, path)
    return time.monotonic() - started


def _outputs(lesson: course.Lesson, outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Keep the reproducible parts of a cell's outputs; refuse what a reader should not see."""
    printed: NotebookNode | None = None
    for output in outputs:
        if "metadata" in output:
            # What a picture shows stays; sizes and the like depend on the machine.
            alt = output.metadata.get("image/png", {}).get("alt")
            output.metadata = nbformat.from_dict({"image/png": {"alt": alt}} if alt else {})
        if output.output_type != "stream":
            printed = None
            yield output
            continue
        if output.name == "stderr":
            raise UserError(
                f"{lesson.source.name}: a cell wrote on stderr; expected nothing there: {output.text.strip()}",
                "fix the cause of the warning",
            )
        # A kernel splits its text at random places.
        if printed:
            printed.text += output.text
        else:
            printed = output
            yield output


def main(arguments: list[str] | None = None) -> None:
    """Build the lessons that are named, or all; exit with 2 if one fails, with 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", help="numbers or names; none means all")
    names = parser.parse_args(arguments).lessons
    try:
        chosen = [course.load(name) for name in names] or course.lessons()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    failed, started = 0, time.monotonic()
    # Each kernel is a process with one thread; the threads here only wait for them.
    pool = ThreadPoolExecutor(max_workers=os.cpu_count())
    waiting = {pool.submit(build, lesson): lesson for lesson in chosen}
    try:
        for future in as_completed(waiting):
            lesson = waiting[future]
            if problem := future.exception():
                failed += 1
                print(f"error: {problem}", file=sys.stderr, flush=True)
            else:
                size = lesson.notebook.stat().st_size / 1024
                print(f"{lesson.name}: {future.result():.0f} s, {size:.0f} KB", flush=True)
    except KeyboardInterrupt:
        print("\nstopped; finished notebooks and the former ones are kept", file=sys.stderr, flush=True)
        # At once: a kernel ends by itself when its parent process is gone; the threads would wait for its cells.
        os._exit(130)
    print(f"{len(chosen) - failed} of {len(chosen)} lessons built in {time.monotonic() - started:.0f} s")
    sys.exit(2 if failed else 0)


if __name__ == "__main__":
    main()
