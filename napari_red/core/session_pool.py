"""One session for each video of a project, however many work with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from napari_red.core.batch import Batch
from napari_red.core.locate import locate
from napari_red.core.project import Project
from napari_red.core.records import VideoRecord
from napari_red.core.session import Session
from trainer.data.fingerprint import video_fingerprint
from trainer.data.video import Video, open_video


class SessionPool:
    """Sessions that the window and running jobs share, so that each sees what the other does.

    Methods may be called from any thread.

    Parameters
    ----------
    project : an open project
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._sessions: dict[str, Session] = {}
        self._takers: dict[str, int] = {}
        self._lock = threading.RLock()

    def take(self, video: Video, *, shown: bool = False) -> Session:
        """The session of a video; :meth:`give_back` it. ``shown`` is said by a window: from
        now on the session's video is this open one."""
        fingerprint = video_fingerprint(video.path)
        with self._lock:
            session = self._sessions.get(fingerprint)
            if session is None:
                session = self._sessions[fingerprint] = Session(video, project=self.project)
            elif shown:
                session.video = video
            self._takers[fingerprint] = self._takers.get(fingerprint, 0) + 1
            return session

    def adopt(self, session: Session) -> None:
        """Share a session that was made elsewhere; who made it gives it back."""
        with self._lock:
            self._sessions[session.fingerprint] = session
            self._takers[session.fingerprint] = 1

    def has(self, session: Session) -> bool:
        """Whether a session is shared here."""
        return self._sessions.get(session.fingerprint) is session

    def give_back(self, session: Session) -> None:
        """It isn't worked with here any more; the last one closes it."""
        with self._lock:
            self._takers[session.fingerprint] -= 1
            if not self._takers[session.fingerprint]:
                del self._sessions[session.fingerprint], self._takers[session.fingerprint]
                session.close()

    def follow_parts(self) -> None:
        """Of some videos other frames are worked on now: tell their sessions."""
        with self._lock:
            for session in self._sessions.values():
                session.follow_part()

    @contextmanager
    def lent(self, video: Video) -> Iterator[Session]:
        """A session for as long as a job lasts."""
        session = self.take(video)
        try:
            yield session
        finally:
            self.give_back(session)


class PooledBatch(Batch):
    """Alignment of many videos while a window works on some of them.

    Parameters
    ----------
    pool : the sessions that the window has open
    Others are those of :class:`napari_red.core.batch.Batch`.
    """

    def __init__(self, pool: SessionPool, make_aligner, settings) -> None:
        super().__init__(pool.project, make_aligner, settings)
        self._pool = pool

    @contextmanager
    def _opened(self, video: VideoRecord) -> Iterator[Session]:
        with open_video(locate(self.project, video)) as opened, self._pool.lent(opened) as session:
            yield session
