"""Collecting what a reader finds, with the checks that every format needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.formats.base import FormatError, Say, file_name, origin_of
from napari_red.core.formats.marker import NAME as MARKER
from napari_red.core.formats.marker import Origin
from trainer.data.frame_folder import picture_size
from trainer.data.video import result_name
from trainer.data.video_base import VideoError

Size = tuple[int, int]
"""Width and height in pixels."""

_SAME_SHAPE = 0.02
"""How much a picture's two sides may be scaled differently: sides are whole, often even."""


@dataclass
class _Face:
    name: str | None
    identity: str | None
    rows: dict[int, tuple[np.ndarray, ...]] = field(default_factory=dict)
    accepted: dict[int, bool] = field(default_factory=dict)
    models: dict[int, str | None] = field(default_factory=dict)


class FoundFaces:
    """Rows of a file, one for a face in a frame, and the faces they make.

    Parameters
    ----------
    source : Path
        The file, for messages.
    video : VideoAnnotation
        What is known of the video.
    say : gets what the person should look at
    n_landmarks : int
    origin : Origin
        What the file is of, as far as it tells: of pictures of another size, landmarks are
        scaled to the video's.
    """

    def __init__(
        self,
        source: Path,
        video: VideoAnnotation,
        say: Say,
        n_landmarks: int = 68,
        origin: Origin | None = None,
    ) -> None:
        self.source, self.video, self.n_landmarks = source, video, n_landmarks
        self._say, self._origin = say, origin or Origin()
        self._faces: dict[Hashable, _Face] = {}
        self._scaled: dict[Size, None] = {}
        self._beside: Size | None = None

    def face(self, key: Hashable, name: str | None = None, identity: str | None = None) -> None:
        """Announce a face; the first one announced gets slot 0, and so on."""
        self._faces.setdefault(key, _Face(name, identity))

    def add(
        self,
        key: Hashable,
        frame: int,
        landmarks: np.ndarray,
        *,
        where: str,
        visible: np.ndarray | None = None,
        confidence: np.ndarray | None = None,
        corrected: np.ndarray | None = None,
        accepted: bool = False,
        model: str | None = None,
        size: Size | None = None,
    ) -> None:
        """One face in one frame; a row without any position is left out.

        Parameters
        ----------
        key : which face
        frame : int, from 0
        landmarks : (L, 2), xy in our convention (pixel centres at integers), NaN = none
        where : the place in the file, for messages
        visible : (L,) bool, by default where there is a position
        confidence : (L,), 0 … 1, by default unknown
        corrected : (L,) bool, by default where there is a position: a person's labels
        size : of the picture that was labelled, by default what the origin says

        Raises
        ------
        FormatError
            Wrong number of landmarks, a frame that the video lacks, one face twice in a
            frame, or a picture of another shape.
        """
        at = f"{self.source}, {where}" if where else str(self.source)
        landmarks = np.asarray(landmarks, np.float64)
        if landmarks.shape != (self.n_landmarks, 2):
            raise FormatError(
                f"{at}: {len(landmarks)} landmarks, the {self.n_landmarks}-point scheme needs "
                f"{self.n_landmarks}; export it again or choose another scheme"
            )
        if not 0 <= frame < self.video.n_frames:
            raise FormatError(
                f"{at}: is about frame {frame} (from 0), and {self.video.name} has "
                f"{self.video.n_frames} frames; check that it belongs to this video"
            )
        labelled = np.isfinite(landmarks).all(axis=1)
        if not labelled.any():
            return
        landmarks = self._fitted(landmarks, size or self._origin.size, at)
        self.face(key)
        face = self._faces[key]
        if frame in face.rows:
            raise FormatError(
                f"{at}: the face {face.name or key!r} is a second time in frame {frame} (from 0); "
                "keep one of them"
            )
        unknown = np.full(self.n_landmarks, np.nan)
        face.rows[frame] = (
            np.where(labelled[:, None], landmarks, np.nan),
            unknown if confidence is None else np.asarray(confidence, np.float64),
            labelled if visible is None else np.asarray(visible, bool),
            labelled if corrected is None else np.asarray(corrected, bool) & labelled,
        )
        face.accepted[frame], face.models[frame] = accepted, model

    def size_beside(self, name: str) -> Size | None:
        """The size of the pictures that a file names, if one of those named so far lies
        where its name says, seen from the file."""
        path = self.source.parent / name
        # A picture that can't be read isn't what was asked for: its size stays unknown.
        with suppress(OSError, VideoError):
            if self._beside is None and path.is_file():
                height, width = picture_size(path)
                self._beside = (width, height)
        return self._beside

    def faces(self) -> list[FaceAnnotation]:
        """The faces in the order they were announced; those without a row are left out.

        Raises
        ------
        FormatError
            If there is none.
        """
        found: list[FaceAnnotation] = []
        for face in self._faces.values():
            if not face.rows:
                continue
            frames = sorted(face.rows)
            columns = zip(*(face.rows[frame] for frame in frames), strict=True)
            landmarks, confidence, visible, corrected = (np.stack(column) for column in columns)
            slot = len(found)
            found.append(
                FaceAnnotation(
                    slot,
                    face.name or f"face {slot + 1}",
                    face.identity,
                    np.array(frames),
                    landmarks,
                    confidence,
                    visible,
                    corrected,
                    accepted=np.array([face.accepted[frame] for frame in frames]),
                    models=tuple(face.models[frame] for frame in frames),
                )
            )
        if not found:
            raise FormatError(
                f"{self.source}: no landmarks of {self.video.name} in it; check the file, and "
                "that it belongs to this video"
            )
        self._say_what_is_odd(found)
        return found

    def _fitted(self, landmarks: np.ndarray, size: Size | None, at: str) -> np.ndarray:
        """Landmarks of a picture of another size, in pixels of the video."""
        wanted = (self.video.width, self.video.height)
        if size is None or size == wanted:
            return landmarks
        scale = np.array(wanted) / np.array(size)
        if abs(scale[0] / scale[1] - 1) > _SAME_SHAPE:
            raise FormatError(
                f"{at}: was labelled in a picture of {size[0]} × {size[1]} pixels, and "
                f"{self.video.name} has {wanted[0]} × {wanted[1]}, another shape; choose labels "
                "of this video"
            )
        self._scaled[size] = None
        return (landmarks + 0.5) * scale - 0.5

    def _say_what_is_odd(self, faces: Sequence[FaceAnnotation]) -> None:
        name, wanted = self.video.name, f"{self.video.width} × {self.video.height} pixels"
        if self._origin.video and self.video.id not in ("", self._origin.video):
            self._say(
                f"{self.source}: was made of another video than {name}, or of another copy of it; "
                "check that the labels fit"
            )
        for width, height in self._scaled:
            self._say(
                f"{self.source}: was labelled in pictures of {width} × {height} pixels; the "
                f"landmarks were scaled to the {wanted} of {name}"
            )
        outside = sum(_n_outside(face, self.video) for face in faces)
        if outside:
            self._say(
                f"{self.source}: {outside} of {sum(len(face.frames) for face in faces)} faces lie "
                f"outside the {wanted} of {name}; they may have been labelled at another size, so "
                "check them"
            )


def _n_outside(face: FaceAnnotation, video: VideoAnnotation) -> int:
    """In how many frames the middle of a face is outside the picture."""
    middle = np.nanmedian(face.landmarks, axis=1)
    inside = (middle >= -0.5) & (middle <= np.array([video.width, video.height]) - 0.5)
    return int((~inside.all(axis=1)).sum())


def the_video(
    source: Path, names: Sequence[str], video: VideoAnnotation, ids: Sequence[str] = ()
) -> int:
    """Which of the videos in a file is meant: the same one, that of its name, or the only one.

    Parameters
    ----------
    names : file names or paths of the videos in it
    ids : ids of the videos, where the file says them

    Raises
    ------
    FormatError
        If there are several and none, or more than one, is called so.
    """
    if video.id and video.id in ids:
        return list(ids).index(video.id)
    if video.path is not None and list(names).count(str(video.path)) == 1:
        return list(names).index(str(video.path))
    wanted = {video.name.lower()}
    if video.path is not None:
        wanted |= {video.path.name.lower(), video.path.stem.lower()}
    tails = [re.split(r"[/\\]", name)[-1].lower() for name in names]
    same = [n for n, tail in enumerate(tails) if {tail, tail.rpartition(".")[0]} & wanted]
    if len(same) == 1:
        return same[0]
    if len(names) == 1:
        return 0
    listed = ", ".join(tails) or "none"
    what = "several videos are" if same else "no video is"
    raise FormatError(
        f"{source}: {what} called {video.name} in it (there are: {listed}); rename the video or "
        "choose another file"
    )


def folder_of_video(
    above: Path, video: VideoAnnotation, holds: Callable[[Path], bool]
) -> Path | None:
    """Which of the folders in ``above`` is a video's; None where none is.

    That is the one that this program wrote of the same video, whatever it is called, else
    that of the same name.

    Parameters
    ----------
    holds : whether a folder has annotation in it

    Raises
    ------
    FormatError
        If several folders are of this video and none is called like it, several videos of
        its name were exported, none of them this one, or the one that is called so only
        because of a number is of another.
    """
    marked = [marker.parent for marker in sorted(above.glob(f"*/{MARKER}"))]
    made_of = {folder: origin_of(folder).video for folder in marked if holds(folder)}
    called = {above / file_name(name): name for name in (video.name, _own_name(video))}
    same = [folder for folder, other in made_of.items() if video.id and other == video.id]
    if same:
        named = [folder for folder in called if folder in same]
        if not named and len(same) > 1:
            raise FormatError(
                f"{above}: several folders in it were made of {video.name} "
                f"({', '.join(folder.name for folder in same)}); choose one of them"
            )
        return (named or same)[0]
    theirs = None
    for folder, name in called.items():
        if not holds(folder):
            continue
        if not made_of.get(folder):
            return folder
        if name != _own_name(video):
            theirs = folder
            continue
        others = [folder.name, *_numbered(folder, [one for one in made_of if made_of[one]])]
        if len(others) > 1:
            raise FormatError(
                f"{above}: several videos are called {name} in it ({', '.join(others)}), and "
                "none was made from this one; choose the folder of one of them"
            )
        return folder
    if theirs is not None:
        raise FormatError(
            f"{theirs}: was made of another video, and nothing else in {above} is called "
            f"{_own_name(video)}; choose the folder of this video"
        )
    return None


def _own_name(video: VideoAnnotation) -> str:
    """What a video is called without the number that tells it from others of its project."""
    own = video.name if video.path is None else result_name(video.path)
    return own if re.fullmatch(rf"{re.escape(own)}_\d+", video.name) else video.name


def _numbered(folder: Path, others: Sequence[Path]) -> list[str]:
    """Names of those of the other folders that are called like this one and have a number."""
    pattern = re.compile(rf"{re.escape(folder.name)}_\d+")
    return [other.name for other in others if pattern.fullmatch(other.name)]


def unreadable(path: Path, what: str, error: Exception) -> FormatError:
    """What to say about a file that isn't what it should be.

    Parameters
    ----------
    what : what it should be, as in "a COCO file"
    """
    if isinstance(error, OSError) and error.strerror:
        return FormatError(f"{path}: can't be read ({error.strerror}); check the path")
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return FormatError(
        f"{path}: isn't {what}, or not a whole one ({reason}); export it again or choose "
        "another format"
    )
