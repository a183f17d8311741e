"""``.pts`` files in the layout of 300-VW.

``NAME/annot/000001.pts`` for the first face, ``NAME/face_2/annot/000001.pts`` for the
second and so on. File names count frames from 1, or are those of numbered pictures; a
frame without the face has no file. Positions count from 1 inside the files, which only
:mod:`trainer.data.pts` knows. Hidden landmarks keep their position, as is usual; a face
of which no landmark is visible has no file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.formats.base import (
    FormatError,
    Options,
    Steps,
    claim_folder,
    file_name,
    make_folder,
)
from napari_red.core.formats.reading import FoundFaces
from trainer.data.pts import read_pts, write_pts

_FRAME_FILE = re.compile(r"^\d+\.pts$")
_FACE_FOLDER = re.compile(r"^face_(\d+)$")


def write(
    annotations: Sequence[VideoAnnotation], out: Path, options: Options, steps: Steps
) -> list[Path]:
    """Write ``OUT/NAME/annot`` for every video; returns the folders ``OUT/NAME``.

    Files of an earlier export that are no longer true are removed.
    """
    folders = []
    for video in annotations:
        folder = out / file_name(video.name)
        claim_folder(folder, "**/annot/*.pts", "annotation files")
        for face in video.faces:
            _write_face(video, face, face_folder(folder, face.face), steps)
        _remove_faces(folder, {face.face for face in video.faces})
        folders.append(folder)
    return folders


def face_folder(folder: Path, face: int) -> Path:
    """Where the annotation of face number ``face`` (from 0) goes."""
    return folder / "annot" if face == 0 else folder / f"face_{face + 1}" / "annot"


def read(path: Path, video: VideoAnnotation) -> list[FaceAnnotation]:
    """Read a folder of ``.pts`` files, a video's folder of 300-VW, or the folder above it."""
    folders = _face_folders(path, video)
    stems = _frames_by_stem(video)
    found = FoundFaces(path, video)
    for face, folder in sorted(folders.items()):
        found.face(face)
        for file in sorted(folder.glob("*.pts")):
            frame = stems.get(file.stem)
            if frame is None and file.stem.isdecimal():
                frame = stems.get(file.stem.lstrip("0") or "0")
            if frame is None:
                raise FormatError(
                    f"{file}: no frame of {video.name} is called {file.stem} (they are called "
                    f"{video.stem(0)} to {video.stem(video.n_frames - 1)}); check that it belongs "
                    "to this video"
                )
            where = str(file.relative_to(path)) if file != path else ""
            found.add(face, frame, read_pts(file), where=where)
    return found.faces()


def _write_face(video: VideoAnnotation, face: FaceAnnotation, annot: Path, steps: Steps) -> None:
    make_folder(annot)
    written = set()
    shown = (face.visible & face.labelled).any(axis=1)
    for row, frame in enumerate(face.frames.tolist()):
        steps.step(str(annot))
        if shown[row]:
            name = f"{video.stem(frame)}.pts"
            write_pts(annot / name, face.landmarks[row])
            written.add(name)
    for path in annot.iterdir():
        if _FRAME_FILE.match(path.name) and path.name not in written:
            path.unlink()


def _remove_faces(folder: Path, faces: set[int]) -> None:
    """Remove what an earlier export wrote of faces that are gone."""
    for annot in [folder / "annot", *folder.glob("face_*/annot")]:
        match = _FACE_FOLDER.match(annot.parent.name)
        face = int(match[1]) - 1 if match and annot.parent != folder else 0
        if face not in faces and annot.is_dir():
            for path in annot.iterdir():
                if _FRAME_FILE.match(path.name):
                    path.unlink()


def _face_folders(path: Path, video: VideoAnnotation) -> dict[int, Path]:
    if not path.is_dir():
        raise FormatError(
            f"{path}: isn't a folder; choose the folder that holds the .pts files, or annot/"
        )
    for folder in (path, path / file_name(video.name)):
        if any(folder.glob("*.pts")):
            return {0: folder}
        faces = {0: folder / "annot"}
        for below in folder.glob("face_*"):
            if match := _FACE_FOLDER.match(below.name):
                faces[int(match[1]) - 1] = below / "annot"
        faces = {face: annot for face, annot in faces.items() if any(annot.glob("*.pts"))}
        if faces:
            return faces
    raise FormatError(
        f"{path}: no .pts file in it, in annot/ or in {file_name(video.name)}/annot; choose the "
        "folder that holds them"
    )


def _frames_by_stem(video: VideoAnnotation) -> dict[str, int]:
    """Stem to frame; numbers also without their leading zeros."""
    stems: dict[str, int] = {}
    for frame in range(video.n_frames):
        stem = video.stem(frame)
        stems[stem] = frame
        if stem.isdecimal():
            stems.setdefault(stem.lstrip("0") or "0", frame)
    return stems
