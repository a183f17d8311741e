"""One program at a time writes a project file.

A lock of the operating system on a small file beside it: it is gone the moment the
program that holds it ends, however it ends.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class Taken(Exception):
    """Another window or program holds the lock."""


class ProjectLock:
    """The lock of a project file.

    Parameters
    ----------
    path : of the project file; the lock is ``.NAME.lock`` beside it

    Raises
    ------
    Taken
        If another window or program has it.
    OSError
        If no file can be made there, or that disk knows no locks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f".{path.name}.lock")
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
            try:
                _lock(handle)
                if self._is_the_file(handle):
                    break
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)  # its last holder removed the file between opening and locking
        self._handle: int | None = handle

    def _is_the_file(self, handle: int) -> bool:
        if sys.platform == "win32":  # a file that is open can't be removed there
            return True
        try:
            return os.path.samestat(os.fstat(handle), os.stat(self.path))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let the next one in; calling it twice does no harm."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        if sys.platform != "win32":  # first the name, so that nobody waits for a file that goes
            with suppress(OSError):
                self.path.unlink()
        os.close(handle)
        if sys.platform == "win32":
            with suppress(OSError):
                self.path.unlink()


def _lock(handle: int) -> None:
    """Take the lock of an open file, or raise Taken at once."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            raise Taken from error
        raise
