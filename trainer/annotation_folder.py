"""The annotation of one video on disk, in 300-VW's layout, written so that it can go on.

::

    DIR/NAME/annot/000001.pts         the first face; no file for a frame where it is lost
    DIR/NAME/confidence.csv           a row for every frame that is done
    DIR/NAME/face_2/annot/…           further faces, likewise
    DIR/NAME/report.json
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import numpy as np

from trainer.alignment import AlignedFrame
from trainer.data.pts import read_pts, write_pts
from trainer.data.video_base import Video
from trainer.errors import RedError

REPORT = "report.json"


class OutputError(RedError):
    """A place for results that can't be used."""


def face_folder(folder: Path, face: int) -> Path:
    """Where face number ``face`` (from 0) of the video with this folder goes."""
    return folder if face == 0 else folder / f"face_{face + 1}"


def frame_stems(video: Video) -> list[str]:
    """What each frame's annotation file is called, without its suffix.

    Counted from 1 with six digits, as in 300-VW; a folder of pictures that are called by
    numbers keeps those, so that picture and annotation go together, unless two have the
    same (``1.png`` and ``1.jpg``).
    """
    names = video.frame_names
    if names and all(map(str.isdecimal, names)) and len(set(names)) == len(names):
        return names
    return [f"{number + 1:06d}" for number in range(video.n_frames)]


@dataclass
class FaceLog:
    """What is known of one face so far.

    ``rows`` holds for each frame done whether the face was there.
    """

    folder: Path
    rows: list[bool] = field(default_factory=list)
    file: TextIO | None = None


class AnnotationFolder:
    """Results of one video, frame after frame. Use it as a context manager.

    Parameters
    ----------
    folder : ``DIR/NAME``
    video : the open video
    n_faces : F, number of slots
    n_landmarks : L
    settings : JSON values that make up the result: model, faces, …
    overwrite : remove what an earlier run with other settings has written

    Attributes
    ----------
    finished : dict or None
        The report of an earlier run that had come to its end.
    done : int
        How many frames, from the first one on, an earlier run had done.

    Raises
    ------
    OutputError
        If the folder can't be written, or holds what isn't to be overwritten.
    """

    def __init__(
        self,
        folder: Path,
        video: Video,
        n_faces: int,
        n_landmarks: int,
        settings: dict[str, Any],
        *,
        overwrite: bool = False,
    ) -> None:
        self.folder = folder
        self.stems = frame_stems(video)
        self.n_landmarks = n_landmarks
        self.settings = settings
        self.finished: dict[str, Any] | None = None
        self.faces = [FaceLog(face_folder(folder, face)) for face in range(n_faces)]
        earlier = self._earlier(overwrite)
        try:
            for face in self.faces:
                (face.folder / "annot").mkdir(parents=True, exist_ok=True)
            if earlier is not None and earlier.get("complete"):
                self.finished = earlier
            else:
                self._pick_up()
                self.write_report({"complete": False})
        except OSError as error:
            raise _unwritable(folder, error) from error

    @property
    def done(self) -> int:
        """Frames done, from the first one on."""
        return min(len(face.rows) for face in self.faces)

    def landmarks_at(self, frame: int) -> np.ndarray:
        """(F, L, 2) what was written for a frame that is done, NaN where lost.

        Raises
        ------
        PtsError
            If a file is gone or damaged.
        """
        out = np.full((len(self.faces), self.n_landmarks, 2), np.nan, np.float32)
        for landmarks, face in zip(out, self.faces, strict=True):
            if face.rows[frame]:
                landmarks[:] = read_pts(self._pts(face, frame), self.n_landmarks)
        return out

    def write(self, aligned: AlignedFrame) -> None:
        """Add the next frame.

        Raises
        ------
        OutputError, PtsError
            If the disk is full or the folder can't be written any more.
        """
        for face, landmarks, confidence, box in zip(
            self.faces, aligned.landmarks, aligned.confidence, aligned.boxes, strict=True
        ):
            if len(face.rows) > aligned.frame:
                continue  # this face's log was ahead of the others'
            path = self._pts(face, aligned.frame)
            row = self.stems[aligned.frame]
            try:
                if box is None:
                    path.unlink(missing_ok=True)
                    row += "," * self.n_landmarks
                else:
                    write_pts(path, landmarks)
                    row += "".join(f",{value:.2f}" for value in confidence)
                # The row is last: a frame without one is done again.
                self._log(face).write(row + "\n")
                self._log(face).flush()
            except OSError as error:
                raise _unwritable(path, error) from error
            face.rows.append(box is not None)

    def counts(self) -> dict[str, Any]:
        """``frames, annotated, lost, faces`` and, for several faces, ``per_face``.

        A frame counts as lost when no face is in it.
        """
        seen = np.array([face.rows[: self.done] for face in self.faces])
        anywhere = np.logical_or.reduce(seen, axis=0)
        out: dict[str, Any] = {
            "frames": len(anywhere),
            "annotated": int(anywhere.sum()),
            "lost": self._stems_where(~anywhere),
            "faces": len(self.faces),
        }
        if len(self.faces) > 1:
            out["per_face"] = [
                {
                    "folder": face.folder.relative_to(self.folder).as_posix(),
                    "annotated": int(there.sum()),
                    "lost": self._stems_where(~there),
                }
                for face, there in zip(self.faces, seen, strict=True)
            ]
        return out

    def write_report(self, values: dict[str, Any]) -> dict[str, Any]:
        """Write report.json, completely or not at all; returns what it says.

        Raises
        ------
        OutputError
            If it can't be written.
        """
        report = {**values, "settings": self.settings}
        path = self.folder / REPORT
        partial = path.with_name(f".{REPORT}.partial")
        try:
            partial.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
            os.replace(partial, path)
        except OSError as error:
            raise _unwritable(path, error) from error
        return report

    def _earlier(self, overwrite: bool) -> dict[str, Any] | None:
        path = self.folder / REPORT
        report = None
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError) as error:
            if not overwrite:
                raise OutputError(
                    f"{path}: can't be understood ({error}); choose another folder, or let it be "
                    "overwritten (--overwrite)"
                ) from error
        if isinstance(report, dict) and report.get("settings") == self.settings:
            return report
        files = [*self.folder.glob("annot/*.pts"), *self.folder.glob("face_*/annot/*.pts")]
        if not files:
            return None
        if overwrite:
            self._remove(files)
            return None
        if isinstance(report, dict):
            was, now = report.get("settings") or {}, self.settings
            names = [
                name for name in now if not isinstance(was, dict) or was.get(name) != now[name]
            ]
            what = f"was made with another {' and '.join(names) or 'version'}"
        else:
            what = "wasn't made by this program"
        raise OutputError(
            f"{self.folder}: the annotation in it {what}; choose another folder, or let it be "
            "overwritten (--overwrite)"
        )

    def _remove(self, files: list[Path]) -> None:
        logs = [*self.folder.glob("confidence.csv"), *self.folder.glob("face_*/confidence.csv")]
        try:
            for path in [*logs, *files]:
                path.unlink()
        except OSError as error:
            raise _unwritable(path, error) from error

    def _pick_up(self) -> None:
        """Read the logs of a run that was cut off, and cut them after their last whole row."""
        for face in self.faces:
            path = face.folder / "confidence.csv"
            if not path.is_file():
                continue
            whole = len(self._header())
            with path.open("rb+") as log:
                if log.readline().decode(errors="replace") != self._header():
                    log.truncate(0)
                    continue
                for stem in self.stems:
                    row = log.readline().decode(errors="replace")
                    cells = row.rstrip("\n").split(",")
                    if not row.endswith("\n") or len(cells) != self.n_landmarks + 1:
                        break
                    there = cells[1] != "" or cells[-1] != ""
                    if cells[0] != stem or (
                        there and not self._pts(face, len(face.rows)).is_file()
                    ):
                        break
                    face.rows.append(there)
                    whole = log.tell()
                log.truncate(whole)

    def _header(self) -> str:
        return "frame," + ",".join(str(i) for i in range(self.n_landmarks)) + "\n"

    def _log(self, face: FaceLog) -> TextIO:
        if face.file is None:
            face.file = (face.folder / "confidence.csv").open("a", encoding="ascii", newline="\n")
            if face.file.tell() == 0:
                face.file.write(self._header())
        return face.file

    def _pts(self, face: FaceLog, frame: int) -> Path:
        return face.folder / "annot" / f"{self.stems[frame]}.pts"

    def _stems_where(self, mask: np.ndarray) -> list[str]:
        return [self.stems[i] for i in np.flatnonzero(mask)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for face in self.faces:
            if face.file is not None:
                face.file.close()


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path}: can't be written ({error.strerror}); choose a folder you may write to, "
        "with room on its disk"
    )
