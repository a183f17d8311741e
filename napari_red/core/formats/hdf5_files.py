"""Writing HDF5 files where the disk may be full.

Where it is, HDF5 raises errors of several classes, and may end the whole program while it
closes the file. So room is made sure of before.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hdf5_file(path: Path, n_bytes: int) -> Iterator[None]:
    """Around writing a new HDF5 file with a library that knows it by its path.

    Parameters
    ----------
    n_bytes : what it will need at most

    Raises
    ------
    OSError
        If there isn't the room, or what the system said to HDF5.
    """
    _see_room(path, n_bytes)
    try:
        yield
    except (OSError, RuntimeError) as error:  # h5py's and PyTables' have the number in their text
        number = re.search(r"errno = (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def _see_room(path: Path, n_bytes: int) -> None:
    if not hasattr(os, "posix_fallocate"):
        if shutil.disk_usage(path.parent).free < n_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, n_bytes)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a disk that can't tell
            raise
    finally:
        path.unlink(missing_ok=True)
