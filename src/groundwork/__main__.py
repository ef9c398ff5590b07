"""``python -m groundwork`` is the command ``groundwork``."""

from groundwork.cli import main

main()
