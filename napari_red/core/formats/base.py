"""What every format is made of: options, progress, and files that are whole or not there."""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.file_names import shortened
from napari_red.core.formats.marker import FOLDER, Marker, Origin
from napari_red.core.formats.marker import NAME as MARKER
from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from trainer.errors import RedError
from trainer.paths import reachable
from trainer.scheme import SUBSET_7

_STEP = 50

_LONGEST = 220
"""Bytes of a name, which gets up to 30 more before and behind."""

_DEVICES = re.compile(r"\A(CON|PRN|AUX|NUL|COM[1-9¹²³]|LPT[1-9¹²³])\s*(?=\.|$)", re.IGNORECASE)
"""Names that Windows gives to devices, also where they have an ending."""


class FormatError(RedError):
    """Annotation files that can't be written or read."""


FrameImage = Callable[[VideoAnnotation, int], np.ndarray | None]
"""A video and a frame from 0 to (H, W, 3) uint8 RGB, or None where that can't be decoded."""


@dataclass(frozen=True)
class Options:
    """What a person may choose.

    Attributes
    ----------
    only_accepted : bool
        Leave out what nobody accepted.
    n_points : 68 or 7
        All landmarks, or the four eye corners, nose tip and mouth corners.
    frame_image : callable or None
        For formats that refer to pictures: writes them too. None: the pictures' names only.
    project : str
        An id of the project: only its own files are replaced, and those of no known project.
    """

    only_accepted: bool = False
    n_points: Literal[68, 7] = 68
    frame_image: FrameImage | None = None
    project: str = ""

    def origin(self, video: VideoAnnotation | None = None) -> Origin:
        """What a file of a video, or of all videos if None, is of."""
        if video is None:
            return Origin(self.project)
        return Origin(self.project, video.id, (video.width, video.height))


Writer = Callable[[Sequence[VideoAnnotation], Path, Options, "Steps"], list[Path]]
Say = Callable[[str], None]
"""Takes a sentence that the person should read."""

Reader = Callable[[Path, VideoAnnotation, Say], list[FaceAnnotation]]


@dataclass(frozen=True)
class Format:
    """One format of annotation files.

    Attributes
    ----------
    key : what it is called on the command line
    title : what it is called in a window
    writes : the file's suffix or the layout of the folder
    program : what opens it
    numbering : how it counts frames and pixels
    loses : what does not survive
    extra : the extra of this distribution that it needs, or None
    writer : puts prepared annotation into a folder, or None
    reader : takes a file or folder, or None
    """

    key: str
    title: str
    writes: str
    program: str
    numbering: str
    loses: str
    extra: str | None = None
    writer: Writer | None = field(default=None, repr=False)
    reader: Reader | None = field(default=None, repr=False)

    def write(
        self,
        annotations: Sequence[VideoAnnotation],
        out: str | Path,
        options: Options | None = None,
        on_progress: ProgressCallback = lambda _: None,
        should_stop: ShouldStop = lambda: False,
    ) -> list[Path]:
        """Write annotation into a folder.

        Parameters
        ----------
        annotations : videos; names that occur twice get a number
        out : the folder, made if missing
        options : by default everything, without pictures
        on_progress, should_stop : see :mod:`napari_red.core.jobs`

        Returns
        -------
        The files to open, or the folders where a format has a file for each frame

        Raises
        ------
        FormatError
            If this format isn't written, there is nothing to write, something is missing,
            or a file of other origin is in the way.
        StopWork
            When ``should_stop`` answers True.
        """
        if self.writer is None:
            raise FormatError(f"{self.title}: can only be read; choose another format")
        chosen = prepare(annotations, options or Options())
        total = sum(len(face.frames) for video in chosen for face in video.faces)
        steps = Steps(total, on_progress, should_stop)
        written = self.writer(chosen, Path(out), options or Options(), steps)
        on_progress(Progress(total, total, str(out)))
        return written

    def read(
        self, path: str | Path, video: VideoAnnotation, say: Say = lambda _: None
    ) -> list[FaceAnnotation]:
        """Read the faces of one video.

        Parameters
        ----------
        path : a file or a folder
        video : what is known of the video (its faces are ignored)
        say : gets what should be looked at, as that landmarks were scaled

        Raises
        ------
        FormatError
            Or another :class:`~trainer.errors.RedError`: what is wrong, where, what to do.
        """
        if self.reader is None:
            raise FormatError(f"{self.title}: can only be written; choose another format")
        return self.reader(reachable(Path(path)), video, say)


class Steps:
    """Counts rows (a face in a frame), reports every so many, and stops when asked."""

    def __init__(self, total: int, on_progress: ProgressCallback, should_stop: ShouldStop) -> None:
        self._done, self._total = 0, total
        self._on_progress, self._should_stop = on_progress, should_stop

    def step(self, message: str = "") -> None:
        """One more row is done."""
        if self._done % _STEP == 0:
            if self._should_stop():
                raise StopWork
            self._on_progress(Progress(self._done, self._total, message))
        self._done += 1


def prepare(
    annotations: Sequence[VideoAnnotation], options: Options
) -> tuple[VideoAnnotation, ...]:
    """What the options leave: rows with a landmark, accepted ones, 7 landmarks, distinct names.

    Raises
    ------
    FormatError
        If nothing is left, or 7 landmarks are asked of a face without the 68.
    """
    if not annotations:
        raise FormatError("no video to export; open or pre-annotate one first")
    prepared = []
    for video, name in zip(annotations, distinct([v.name for v in annotations]), strict=True):
        faces = []
        for face in video.faces:
            keep = np.asarray(face.labelled.any(axis=1))
            face = face.rows(keep & face.accepted if options.only_accepted else keep)
            if options.n_points == 7 and face.n_landmarks != 7:
                if face.n_landmarks != 68:
                    raise FormatError(
                        f"{video.name}, face {face.face}: has {face.n_landmarks} landmarks, and "
                        "the 7 are taken from 68; export all of them"
                    )
                face = face.points(SUBSET_7)
            if len(face.frames):
                faces.append(face)
        prepared.append(replace(video, name=name, faces=tuple(faces)))
    if not any(video.faces for video in prepared):
        names = ", ".join(video.name for video in annotations)
        if options.only_accepted:
            raise FormatError(f"{names}: no frame is accepted yet; accept some or export all")
        raise FormatError(f"{names}: no landmarks yet; pre-annotate first")
    return tuple(prepared)


@contextmanager
def needs(what: str) -> Iterator[None]:
    """Around the imports of a format's libraries: says how to install what is missing."""
    try:
        yield
    except ImportError as error:
        raise FormatError(
            f"{what} need the package {error.name or error}, which isn't installed; run: "
            'pip install "napari-red[formats]"'
        ) from error


@contextmanager
def new_file(path: Path, origin: Origin | None = None) -> Iterator[Path]:
    """A path to write to that becomes ``path`` when all went well.

    Parameters
    ----------
    origin : what the file is of; None: of nothing that is to be kept

    Raises
    ------
    FormatError
        If ``path`` is there and this program didn't write it or wrote it of another
        project, or can't be written.
    """
    origin = origin or Origin()
    partial = path.with_name(f".partial.{path.name}")
    try:
        marker = _marker(path.parent) or Marker()
        if path.exists() and path.name not in marker.files:
            raise FormatError(
                f"{path}: is there and wasn't written by this program; choose another folder, so "
                "that it isn't overwritten"
            )
        if path.exists():
            _check_project(path, [marker.origins.get(path.name, Origin())], origin)
        make_folder(path.parent)
        try:
            yield partial
            # First the marker: a file that it doesn't list could never be written again.
            _mark(path.parent, origin, path.name)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def claim_folder(folder: Path, pattern: str, what: str, origin: Origin | None = None) -> None:
    """Make a folder ours, unless files of other origin are in it.

    Parameters
    ----------
    pattern : the files that would be overwritten, as for :meth:`pathlib.Path.glob`
    what : what these files are, for the message
    origin : what the folder is of

    Raises
    ------
    FormatError
        If there are such files and no marker, the marker names another project, or the
        folder can't be written.
    """
    origin = origin or Origin()
    marker = _marker(folder)
    if marker is None and any(folder.glob(pattern)):
        raise FormatError(
            f"{folder}: holds {what} that this program didn't write; choose another folder, so "
            "that they aren't overwritten"
        )
    if marker is not None:
        _check_project(folder, marker.origins.values(), origin)
    make_folder(folder)
    _mark(folder, origin)


def origin_of(path: Path) -> Origin:
    """What a file or folder is of, as far as a marker tells."""
    folder, name = (path, FOLDER) if path.is_dir() else (path.parent, path.name)
    try:
        marker = Marker.read(folder)
    except (OSError, ValueError):
        return Origin()
    return Origin() if marker is None else marker.origins.get(name, Origin())


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises
    ------
    FormatError
        If that isn't allowed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(path: Path, error: OSError) -> FormatError:
    """What to say about a path that can't be written."""
    advice = "choose a folder you may write to"
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        advice = "free some space there, or choose a folder on another disk"
    return FormatError(f"{path}: can't be written ({error.strerror or error}); {advice}")


def file_name(name: str) -> str:
    """A name with the characters replaced that no file can have everywhere, not too long, and
    none that Windows gives to a device: ``CON.2`` becomes ``CON_.2``."""
    name = re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", name).strip(" .") or "video"
    return shortened(_DEVICES.sub(r"\1_", name), _LONGEST)


def distinct(names: Sequence[str]) -> list[str]:
    """The names, of which those that files would share get a number."""
    taken: set[str] = set()
    next_number: dict[str, int] = {}
    found = []
    for first in names:
        name, number = first, next_number.get(first, 2)
        while (file := _alike(file_name(name))) in taken:
            name, number = f"{first}_{number}", number + 1
        next_number[first] = number
        taken.add(file)
        found.append(name)
    return found


def _alike(file: str) -> str:
    """The same for names that are one file's on Windows or macOS."""
    return unicodedata.normalize("NFC", file).lower()


def _marker(folder: Path) -> Marker | None:
    try:
        return Marker.read(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    except ValueError as error:
        raise FormatError(
            f"{folder / MARKER}: is damaged, so that nobody can tell which files this program "
            "wrote; choose another folder, or move everything out of this one"
        ) from error


def _mark(folder: Path, origin: Origin, file: str = FOLDER) -> None:
    """Say in a folder that this program wrote a file there, or that it is the folder's."""
    marker = _marker(folder)
    before = None if marker is None else (list(marker.files), dict(marker.origins))
    marker = marker or Marker()
    if file != FOLDER and file not in marker.files:
        marker.files.append(file)
    marker.origins[file] = origin
    if before == (marker.files, marker.origins):
        return
    try:
        marker.write(folder)
    except OSError as error:
        raise unwritable(folder, error) from error


def _check_project(path: Path, there: Iterable[Origin], origin: Origin) -> None:
    if {one.project for one in there} - {"", origin.project}:
        raise FormatError(
            f"{path}: was exported from another project; choose another folder, so that it isn't "
            "overwritten"
        )
