"""The database behind a project file: opening, locking, transactions, messages.

The connection belongs to one thread; every method may be called from any. What a
writing method changed is on the disk when it returns.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

from napari_red.core import migrations, schema
from napari_red.core.chunks import DamagedChunk
from napari_red.core.file_lock import ProjectLock, Taken
from trainer.errors import RedError

T = TypeVar("T")

SUFFIX = ".red"
TRACES = "traces"
"""A setting that is there while the file may hold traces of what was removed from it."""

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
        self._advice = f"open it again to change it, {_COPY}"
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

    @property
    def locked(self) -> str:
        """Why nothing can be written, and what to do about it; empty where it can."""
        return f"{self.read_only}; {self._advice}" if self.read_only else ""

    def check_writable(self) -> None:
        """Raise a ProjectError where nothing can be written."""
        if self.read_only:
            raise ProjectError(f"{self.path}: nothing can be changed, because {self.locked}")

    @property
    def traces_left(self) -> bool:
        """Whether something was removed by :meth:`wipe`, and its traces couldn't be."""
        return bool(self.read("SELECT 1 FROM settings WHERE name = ?", (TRACES,)))

    def wipe(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Like :meth:`write`, and what it or an earlier one removed can't be found in the file
        any more.

        Raises
        ------
        ProjectError
            As :meth:`write`; also if there isn't room for a second copy of the file for a
            moment: then it is removed, but traces of it are left, which the file notes.
        """
        self.check_writable()

        def noted(db: sqlite3.Connection) -> T:
            db.execute("INSERT OR REPLACE INTO settings VALUES (?, '')", (TRACES,))
            return work(db)

        self._do(lambda: self._connection.execute("PRAGMA secure_delete = ON"))
        try:
            result = self.write(noted)
            try:
                self._do(lambda: self._connection.execute("VACUUM"))
                self.write(lambda db: db.execute("DELETE FROM settings WHERE name = ?", (TRACES,)))
            except ProjectError as error:
                raise ProjectError(
                    f"{self.path}: it is removed, but traces of it may be left in the file, "
                    f"because that couldn't be rewritten ({error.__cause__ or error}); make room "
                    "for a second copy of it on that disk, then do the same again"
                ) from error
        finally:
            self._do(lambda: self._connection.execute("PRAGMA secure_delete = OFF"))
        return result

    # -- inside --------------------------------------------------------------------

    def _take_lock(self, mode: Mode) -> None:
        there = os.path.exists(self.path)
        try:
            self._lock = ProjectLock(self.path)
            if not there or os.access(self.path, os.W_OK):
                return
            self._let_go()
            why, advice = "the file may not be written", f"allow writing to it, {_COPY}"
        except Taken:
            why = "it is open in another window or program"
            advice = f"close the other one and open the project again, {_COPY}"
        except OSError as error:
            why = f"its folder can't be written ({error.strerror})"
            advice = "choose a folder that exists and that you may write to"
            if there:
                advice = f"allow writing there, {_COPY} in another folder"
        if mode == "write" or not there:
            raise ProjectError(f"{self.path}: can't be opened for writing, because {why}; {advice}")
        self.read_only, self._advice = why, advice

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _do(self, work: Callable[[], T]) -> T:
        try:
            future = self._thread.submit(work)
        except RuntimeError as error:
            raise ProjectError(f"{self.path}: was closed; open the project again") from error
        try:
            return future.result()
        except sqlite3.Error as error:
            raise ProjectError(_explain(self.path, error)) from error
        except DamagedChunk as error:
            raise ProjectError(
                f"{self.path}: what a model said of some frames is damaged ({error}); align the "
                "video again, or restore a copy of the file"
            ) from error

    def _open(self) -> None:
        self._check_header()
        if self.read_only:
            db = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", timeout=10, uri=True)
            db.isolation_level = None
        else:
            db = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        try:
            db.execute("PRAGMA foreign_keys = ON")
            # The first look at the file also takes back what a killed program left half done.
            ((pages,),) = db.execute("PRAGMA page_count").fetchall()
            if pages == 0 and not self.read_only:
                schema.create(db)
            self._check_version(*(db.execute(f"PRAGMA {n}").fetchone()[0] for n in _NUMBERS))
            if not self.read_only:
                db.execute("PRAGMA journal_mode = DELETE")
                db.execute("PRAGMA synchronous = FULL")
            ((version,),) = db.execute("PRAGMA user_version").fetchall()
            if version < schema.VERSION:
                self._migrate(db, version)
        except BaseException:
            db.close()
            raise
        self._connection = db

    def _check_header(self) -> None:
        """Refuse other files before SQLite sees them: it may tidy them up."""
        try:
            with self.path.open("rb") as file:
                header = file.read(100)
        except FileNotFoundError:
            if not self.read_only:
                return
            raise ProjectError(
                f"{self.path}: there is no such file; choose a {SUFFIX} file that is there"
            ) from None
        except OSError as error:
            raise ProjectError(
                f"{self.path}: can't be read ({error.strerror}); choose a {SUFFIX} file that "
                "you may read"
            ) from error
        if not header and self.read_only:
            raise ProjectError(f"{self.path}: is empty; choose a {SUFFIX} file with a project")
        unfinished = self.path.with_name(f"{self.path.name}-journal").exists()
        if not header or unfinished:
            return
        if not _is_sqlite(header):
            raise ProjectError(_explain(self.path, sqlite3.DatabaseError("file is not a database")))
        self._check_version(*struct.unpack_from(">I4xI", header, 60)[::-1])

    def _check_version(self, application_id: int, version: int) -> None:
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

    def _migrate(self, db: sqlite3.Connection, version: int) -> None:
        if self.read_only:
            raise ProjectError(
                f"{self.path}: written by an older version of this program, and can't be "
                f"brought up to date because {self.read_only}; open it once where it can "
                "be written"
            )
        try:
            migrations.migrate(db, self.path, version)
        except Exception as error:
            raise ProjectError(
                f"{self.path}: written by an older version of this program (schema {version}), "
                f"and couldn't be brought up to date ({error}); the file is as it was. Free "
                "some space if the disk is full, or open it with the older version"
            ) from error


_COPY = "or work on a copy of the file"

_NUMBERS = ("application_id", "user_version")


def _is_sqlite(header: bytes) -> bool:
    """Whether the first 100 bytes of a file are those of a database."""
    page_size = int.from_bytes(header[16:18], "big")
    sizes = (1, *(2**power for power in range(9, 16)))  # 1 means 65536
    return len(header) == 100 and header.startswith(b"SQLite format 3\0") and page_size in sizes


def _explain(path: Path, error: sqlite3.Error) -> str:
    text = str(error)
    if "readonly" in text and path.with_name(f"{path.name}-journal").exists():
        advice = "a program was stopped while it wrote; open it once where it can be written"
    elif "unable to open" in text or "readonly" in text:
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
