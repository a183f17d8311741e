"""One program at a time writes a project file.

A lock of the operating system on a small file beside it: it is gone the moment the
program that holds it ends, however it ends.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout


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
        If no file can be made there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f".{path.name}.lock")
        if not path.parent.is_dir():  # filelock would make it
            raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
        while True:
            lock = FileLock(self.path)
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                raise Taken from error
            if self._is_the_file(lock):
                break
            lock.release()  # its last holder removed the file between opening and locking
        self._lock = lock

    def _is_the_file(self, lock: FileLock) -> bool:
        if os.name == "nt":  # a file that is open can't be removed there
            return True
        held = lock._context.lock_file_fd
        try:
            return held is not None and os.fstat(held).st_ino == os.stat(self.path).st_ino
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let the next one in."""
        with suppress(OSError):
            self.path.unlink()
        self._lock.release()
