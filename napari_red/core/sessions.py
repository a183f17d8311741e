"""The sessions of a window: in the project a person opened, or each video in its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_red.core.places import default_places
from napari_red.core.project import Project
from napari_red.core.session import Session
from napari_red.core.session_pool import SessionPool
from trainer.data.video import Video


class Sessions:
    """Opens and ends the sessions of the videos that are looked at.

    Attributes
    ----------
    project : the project a person opened; None where every video has its own
    pool : its sessions, shared with jobs
    """

    def __init__(self) -> None:
        self.project: Project | None = None
        self.pool: SessionPool | None = None

    def use(self, project: Project) -> None:
        """Work in this project from now on; the one before is closed."""
        self.close()
        self.project, self.pool = project, SessionPool(project)

    def adopt(self, session: Session) -> Project:
        """Keep the project of a session open, and work in it from now on; its file is made
        if there is none yet."""
        if not self.shares(session):
            self.use(session.hand_over())
            assert self.pool is not None
            self.pool.adopt(session)
        assert self.project is not None
        return self.project

    def of(self, video: Video, own: Path | None = None) -> Session:
        """The session of an open video: in the open project if it is there, or if it has no
        project of its own yet, which then adds it. ``own`` is where its own one is, if that
        isn't the usual place."""
        if self.project is None or self.pool is None or own is not None:
            return Session(video, own)
        session = self.pool.take(video, shown=True)
        if session.video_id is not None:
            return session
        has_own = any(p.exists() for p in default_places(video.path, session.fingerprint))
        if has_own or self.project.read_only:
            self.pool.give_back(session)
            return Session(video)
        session.opened()
        return session

    def shares(self, session: Session) -> bool:
        """Whether it is one of the open project's."""
        return self.pool is not None and self.pool.has(session)

    def end(self, session: Session) -> None:
        """It isn't looked at any more."""
        if self.pool is not None and self.shares(session):
            self.pool.give_back(session)
        else:
            session.close()

    def borrow(self, session: Session) -> Callable[[], None] | None:
        """Keep a session open for a job, which calls what is returned when it has ended.

        None where that isn't possible: its video must stay open meanwhile.
        """
        if self.pool is None or not self.shares(session):
            return None
        pool = self.pool
        pool.take(session.video)
        return lambda: pool.give_back(session)

    def close(self) -> None:
        """Close the open project."""
        if self.project is not None:
            self.project.close()
        self.project = self.pool = None
