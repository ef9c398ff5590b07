"""Run the whole pipeline: `python main.py`; with arguments it is the `groundwork` command."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent)
    try:
        from groundwork.cli import main
    except ModuleNotFoundError as missing:
        sys.exit(f"{sys.executable} lacks {missing.name}\n  -> type `make repro`, or use .venv/bin/python")
    sys.argv[1:] = sys.argv[1:] or ["repro"]
    main()
