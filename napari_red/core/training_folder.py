"""Where a project's rounds of fine-tuning lie, whether one runs, and how to be rid of them."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from napari_red.core.project import Project
from napari_red.core.settings_table import TRAINING, remember, setting
from trainer.errors import RedError


class TrainingFolderError(RedError):
    """A folder of rounds that is in use or can't be used."""


class RoundRunningError(TrainingFolderError):
    """A round of this project runs, in this program or in another."""


def folder_of(project: Project) -> Path:
    """The folder of a project's rounds, among the person's own data; it may not be there."""
    number = setting(project, TRAINING)
    if number is None:
        number = uuid.uuid4().hex
        remember(project, TRAINING, number)
    # A copy of the project has the same number, and trains beside it.
    place = hashlib.sha256(str(project.path.absolute()).encode()).hexdigest()[:8]
    return _all() / f"{number}-{place}"


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """A round runs in this folder inside the block; the system knows when the process dies.

    Raises
    ------
    RoundRunningError
        If one runs already.
    TrainingFolderError
        If nothing can be written beside the folder.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_name(f"{folder.name}.lock"), timeout=0)
        lock.acquire()
    except Timeout:
        raise RoundRunningError(
            "The model is being improved in this project; cancel that or let it end, then try again"
        ) from None
    except OSError as error:
        raise TrainingFolderError(
            f"{folder.parent}: can't be written ({error.strerror}); make the folder writable"
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_running(project: Project) -> bool:
    """True while a round of this project runs, in this program or in another.

    Raises
    ------
    TrainingFolderError
        If nothing can be written beside the folder.
    """
    if setting(project, TRAINING) is None:  # no round was ever begun; it may be read-only
        return False
    try:
        with running(folder_of(project)):
            return False
    except RoundRunningError:
        return True


def take_up(anew: Path) -> None:
    """Put what is in a folder in a round's folder in the place of all else there.

    Raises
    ------
    TrainingFolderError
        If something can't be moved or removed.
    """
    folder = anew.parent
    try:
        # The files tell of the folders: they go first and come last.
        for old in sorted(folder.iterdir(), key=Path.is_dir):
            if old.is_file():
                old.unlink()
            elif old != anew:
                shutil.rmtree(old)
        for new in sorted(anew.iterdir(), key=Path.is_file):
            new.replace(folder / new.name)
        anew.rmdir()
    except OSError as error:
        raise TrainingFolderError(
            f"{folder}: an earlier round in it can't be replaced ({error.strerror}); close what "
            "shows its files, then try again"
        ) from error


def forget_pushed(project: Project) -> bool:
    """Remove every set of frames that was pushed for this project and every round that was
    broken off, also from where the project lay before; whether there was any.

    A round of the project may not run: call it inside :func:`running`.

    Raises
    ------
    TrainingFolderError
        If a folder can't be removed.
    """
    own = folder_of(project)
    number = own.name.rpartition("-")[0]
    there = [own] if own.is_dir() else []
    there += [
        folder
        for folder in sorted(_all().glob(f"{number}-*"))
        if folder.is_dir() and folder != own and not _in_use(folder)
    ]
    for folder in there:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise TrainingFolderError(
                f"{folder}: can't be removed ({error.strerror}), and it holds frames that were "
                "pushed for training; remove the folder yourself, then try again"
            ) from error
    return bool(there)


def _in_use(folder: Path) -> bool:
    """True while a copy of the project trains there."""
    try:
        with running(folder):
            return False
    except RoundRunningError:
        return True


def _all() -> Path:
    return platformdirs.user_data_path("napari-red") / "training"
