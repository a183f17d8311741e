"""Paths that a person gave."""

from __future__ import annotations

from pathlib import Path

from trainer.errors import RedError


class UnreachableError(RedError):
    """A path of which nobody can say whether something is there."""


def reachable(path: Path) -> Path:
    """The path, of which ``exists``, ``is_file`` and ``is_dir`` can be asked then.

    Raises
    ------
    UnreachableError
        If it can't be looked at, as in a folder that one may not enter.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise UnreachableError(
            f"{path}: can't be looked at ({error.strerror}); check the name and whether you may "
            "enter its folder, or choose another place"
        ) from error
    return path
