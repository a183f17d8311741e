"""The database behind a project file: opening, locking, transactions, messages.

The connection belongs to one thread; every method may be called from any. What a
writing method changed is on the disk when it returns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

from napari_red.core import migrations, schema
from napari_red.core.file_lock import ProjectLock, Taken
from trainer.errors import RedError

T = TypeVar("T")

SUFFIX = ".red"
Mode = Literal["write", "read", "auto"]


class ProjectError(RedError):
    """A project file that can't be opened, read or written."""


class Database:
    """An open project file.

    Parameters
    ----------
    path : of the ``*.red`` file; made if it isn't there and may be written
    mode : "write" raises where it can't be written; "auto" opens it for reading then;
        "read" never writes, and takes no lock

    Attributes
    ----------
    read_only : str
        Why nothing can be written; empty where it can.

    Raises
    ------
    ProjectError
        If it isn't a project file, comes from a newer version, is damaged, or can't
        be written.
    """

    def __init__(self, path: Path, mode: Mode = "write") -> None:
        self.path = path
        self.read_only = "it was opened for reading" if mode == "read" else ""
        self._lock: ProjectLock | None = None
        if mode != "read":
            self._take_lock(mode)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="red-project")
        self._connection: sqlite3.Connection
        try:
            self._do(self._open)
        except BaseException:
            self._thread.shutdown()
            self._let_go()
            raise

    def close(self) -> None:
        """Close the file; calling it twice does no harm."""
        try:
            self._thread.submit(lambda: self._connection.close())
        except RuntimeError:  # already shut down
            return
        self._thread.shutdown()
        self._let_go()

    def read(self, query: str, values: tuple = ()) -> list[tuple]:
        """The rows of a query."""
        return self._do(lambda: self._connection.execute(query, values).fetchall())

    def look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do work that only reads."""
        return self._do(lambda: work(self._connection))

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do work in one transaction: all of it or nothing.

        Raises
        ------
        ProjectError
            If the file is open for reading only, or can't be written.
        """
        self.check_writable()

        def transaction() -> T:
            db = self._connection
            db.execute("BEGIN IMMEDIATE")
            try:
                result = work(db)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            return result

        return self._do(transaction)

    def check_writable(self) -> None:
        """Raise a ProjectError where nothing can be written."""
        if self.read_only:
            raise ProjectError(
                f"{self.path}: nothing can be changed, because {self.read_only}; close the "
                "other one and open the project again, or work on a copy of the file"
            )

    def wipe(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Like :meth:`write`, and what it removed can't be found in the file any more."""
        self._do(lambda: self._connection.execute("PRAGMA secure_delete = ON"))
        try:
            result = self.write(work)
            self._do(lambda: self._connection.execute("VACUUM"))
        finally:
            self._do(lambda: self._connection.execute("PRAGMA secure_delete = OFF"))
        return result

    # -- inside --------------------------------------------------------------------

    def _take_lock(self, mode: Mode) -> None:
        try:
            self._lock = ProjectLock(self.path)
            return
        except Taken:
            why = "it is open in another window or program"
        except OSError as error:
            why = f"its folder can't be written ({error.strerror})"
        if mode == "write" or not self.path.exists():
            raise ProjectError(
                f"{self.path}: can't be opened for writing, because {why}; close the other "
                "one, or choose a folder that exists and that you may write to"
            )
        self.read_only = why

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _do(self, work: Callable[[], T]) -> T:
        try:
            return self._thread.submit(work).result()
        except sqlite3.Error as error:
            raise ProjectError(_explain(self.path, error)) from error

    def _open(self) -> None:
        if self.read_only:
            db = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", timeout=10, uri=True)
            db.isolation_level = None
        else:
            db = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        try:
            db.execute("PRAGMA foreign_keys = ON")
            if not self.read_only:
                self._prepare(db)
            self._check_version(db)
        except BaseException:
            db.close()
            raise
        self._connection = db

    def _prepare(self, db: sqlite3.Connection) -> None:
        is_new = not self.path.exists() or self.path.stat().st_size == 0
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA synchronous = FULL")
        if is_new:
            schema.create(db)

    def _check_version(self, db: sqlite3.Connection) -> None:
        (application_id,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if application_id != schema.APPLICATION_ID:
            raise ProjectError(
                f"{self.path}: is a database, but no project of this program; choose a "
                f"{SUFFIX} file, or another name for the new project"
            )
        if version > schema.VERSION:
            raise ProjectError(
                f"{self.path}: written by a newer version of this program (schema {version}, "
                f"known is {schema.VERSION}); update napari-red to open it"
            )
        if version < schema.VERSION:
            if self.read_only:
                raise ProjectError(
                    f"{self.path}: written by an older version of this program, and can't be "
                    f"brought up to date because {self.read_only}; open it once where it can "
                    "be written"
                )
            migrations.migrate(db, self.path, version)


def _explain(path: Path, error: sqlite3.Error) -> str:
    text = str(error)
    if "unable to open" in text or "readonly" in text:
        advice = "choose a folder that exists and that you may write to"
    elif "not a database" in text or "malformed" in text:
        advice = f"it is damaged or no {SUFFIX} file; choose another, or restore a copy"
    elif "locked" in text:
        advice = "another program is writing to it; close that one and try again"
    elif "full" in text:
        advice = "nothing of it was lost; free some space on that disk and try again"
    else:
        advice = "check the disk it is on"
    return f"{path}: can't be used as a project file ({text}); {advice}"
