"""The one place that makes consoles: what a user named is printed as it is, whatever stands in it."""

from __future__ import annotations

import sys

from rich.console import Console

_WIDTH = 100  # a file or a pipe has no width to respect


def console(*, stderr: bool = False, wide: bool = False) -> Console:
    """Return a console that takes no text for markup, emoji or something to colour.

    wide: tables get 100 columns where nobody watches. Styles are given by `rich.text.Text`.
    """
    made = Console(
        stderr=stderr,
        markup=False,
        emoji=False,
        highlight=False,
        force_jupyter=False,  # a notebook shows lines as a file does
    )
    if wide and not made.is_terminal:
        made.width = _WIDTH
    return made


def never_fail_on_a_character() -> None:
    """Have what a terminal's encoding lacks (ascii, or half a surrogate pair) written as \\x.. instead."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
