"""The exceptions of the harness: `UserError` is shown in two lines, everything else is a bug."""

from __future__ import annotations

import contextlib
import difflib
import errno
import reprlib
import unicodedata
from collections.abc import Iterable, Iterator


class BenchError(Exception):
    """Base of every exception the harness raises on purpose."""


class UserError(BenchError):
    """Something the user can mend: shown without a traceback, exit code 2.

    The first line says where, what and what was got; the second (`hint`) what is allowed or meant.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n{hint}" if hint else message)
        self.message = message
        self.hint = hint

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows in place of a traceback (IPython asks for this name)."""
        return f"error: {self}".splitlines()


class MissingData(UserError):
    """Images that a suite names and that are not here; a cost can be estimated without them."""


class UserErrors(UserError):
    """Several of them, shown one after the other."""

    def __init__(self, errors: list[UserError]) -> None:
        super().__init__("\nerror: ".join(str(error) for error in errors))


# what a user can mend: a place that cannot be written, is full, or is no folder
_MENDED_BY_USERS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR,
    errno.EEXIST, errno.ENAMETOOLONG, errno.ENOLCK, errno.ELOOP,
}  # fmt: skip


def of_the_disk(error: OSError) -> UserError | None:
    """Return an error of the file system as one that the user can mend; None where it is a bug."""
    if error.errno not in _MENDED_BY_USERS:
        return None
    place = f"{error.filename}: " if error.filename is not None else ""
    return UserError(
        f"{place}{error.strerror}", "name a folder that can be written (--runs, --output), or mend this one"
    )


@contextlib.contextmanager
def of_the_disk_told() -> Iterator[None]:
    """Raise what the file system refuses inside as a UserError, where a user can mend it."""
    try:
        yield
    except OSError as error:
        said = of_the_disk(error)
        if said is None:
            raise
        raise said from error


class Problems:
    """Collect what the user has to mend, so that all of it is said at once."""

    def __init__(self) -> None:
        self.errors: list[UserError] = []

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """Note a UserError raised inside, once, and go on after it."""
        try:
            yield
        except UserError as error:
            if str(error) not in [str(noted) for noted in self.errors]:
                self.errors.append(error)

    def stop_if_any(self) -> None:
        """Raise what was noted. Raises UserError."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise UserErrors(self.errors)


def shown(value: object, most: int = 80, *, quote: bool = True) -> str:
    """Write a value of the user's on one line: what cannot be printed escaped, what is long cut.

    Words stand in single quotes, unless `quote` is off.
    """
    text = value if isinstance(value, str) else str(value) if not quote else _bounded(value)
    if len(text) > most:
        text = f"{text[: most - 4]} ..."
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f"'{line}'" if quote and isinstance(value, str) else line


def _bounded(value: object) -> str:
    """Return a value as a file writes it; its depth and length are bounded before it is written."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    brief = reprlib.Repr()
    brief.maxstring = brief.maxother = brief.maxlong = 60
    return brief.repr(value)


def unknown_name(kind: str, got: str, known: Iterable[str]) -> tuple[str, str]:
    """Say that a name is unknown: (what was got, did-you-mean and the known names)."""
    names = sorted(known)
    close = difflib.get_close_matches(got[:200], names, n=1, cutoff=0.5)
    meant = f"Did you mean '{close[0]}'? " if close else ""
    listed = ", ".join(shown(name, quote=False) for name in names)
    return f"{kind} {shown(got)} is unknown", f"{meant}Known: {listed}"


def is_one_line(name: str) -> bool:
    """Say whether a name can be printed, written as UTF-8 and found again: no line breaks or controls."""
    return not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name)
