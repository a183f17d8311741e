"""``.pts`` files in the layout of 300-VW.

``NAME/annot/000001.pts`` for the first face, ``NAME/face_2/annot/000001.pts`` for the
second and so on. File names count frames from 1, or are those of numbered pictures; a
frame without the face has no file. Positions count from 1 inside the files, which only
:mod:`trainer.data.pts` knows. Hidden landmarks keep their position, as is usual; a face
of which no landmark is visible has no file. What else is known of each file stands in
``NAME/faces.csv`` (:mod:`napari_red.core.formats.faces_table`), and is read from there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.formats import faces_table
from napari_red.core.formats.base import (
    FormatError,
    Options,
    Say,
    Steps,
    claim_folder,
    file_name,
    make_folder,
    new_file,
    origin_of,
)
from napari_red.core.formats.reading import FoundFaces, folder_of_video
from trainer.data.pts import read_pts, write_pts
from trainer.scheme import SUBSET_7

_FRAME_FILE = re.compile(r"^\d+\.pts$")
_FACE_FOLDER = re.compile(r"^face_(\d+)$")


def write(
    annotations: Sequence[VideoAnnotation], out: Path, options: Options, steps: Steps
) -> list[Path]:
    """Write ``OUT/NAME/annot`` and the table for every video; returns the folders ``OUT/NAME``.

    Files of an earlier export that are no longer true are removed.
    """
    folders = [out / file_name(video.name) for video in annotations]
    for video, folder in zip(annotations, folders, strict=True):
        claim_folder(folder, "**/annot/*.pts", "annotation files", options.origin(video))
    for video, folder in zip(annotations, folders, strict=True):
        with new_file(folder / faces_table.NAME, options.origin(video)) as table:
            files = [
                _write_face(video, face, folder, face_folder(folder, face.face), steps)
                for face in video.faces
            ]
            faces_table.write(table, video, files)
        _remove_faces(folder, {face.face for face in video.faces})
    return folders


def face_folder(folder: Path, face: int) -> Path:
    """Where the annotation of face number ``face`` (from 0) goes."""
    return folder / "annot" if face == 0 else folder / f"face_{face + 1}" / "annot"


def read(path: Path, video: VideoAnnotation, say: Say) -> list[FaceAnnotation]:
    """Read a folder of ``.pts`` files, a video's folder of 300-VW, or the folder above it.

    Names, what is accepted, corrected and hidden, and models come from the table beside
    them, for the files that it lists.
    """
    folders = _face_folders(path, video)
    stems = _frames_by_stem(video)
    origin = origin_of(_of_the_video(min(folders.items())[1]))
    found = FoundFaces(path, video, say, _n_landmarks(folders), origin)
    for face, folder in sorted(folders.items()):
        rows = _table_rows(folder)
        told = [row for file, row in sorted(rows.items()) if file.parent == folder]
        name = next((row.name for row in told if row.name), None)
        identity = next((row.identity for row in told if row.identity), None)
        found.face(face, name, identity)
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
            landmarks = read_pts(file, found.n_landmarks)
            row = rows.get(file)
            if row is None:
                found.add(face, frame, landmarks, where=where)
                continue
            labelled = np.isfinite(landmarks).all(axis=1)
            found.add(
                face,
                frame,
                landmarks,
                where=where,
                visible=labelled & ~row.mask("hidden", len(landmarks)),
                corrected=row.mask("corrected", len(landmarks)),
                accepted=row.accepted,
                model=row.model,
            )
    return found.faces()


def _write_face(
    video: VideoAnnotation, face: FaceAnnotation, folder: Path, annot: Path, steps: Steps
) -> list[str]:
    """Write a file for each row; returns them as seen from ``folder``, "" where there is none."""
    make_folder(annot)
    files = []
    written = set()
    shown = (face.visible & face.labelled).any(axis=1)
    for row, frame in enumerate(face.frames.tolist()):
        steps.step(str(annot))
        files.append("")
        if shown[row]:
            name = f"{video.stem(frame)}.pts"
            write_pts(annot / name, face.landmarks[row])
            written.add(name)
            files[-1] = (annot / name).relative_to(folder).as_posix()
    for path in annot.iterdir():
        if _FRAME_FILE.match(path.name) and path.name not in written:
            path.unlink()
    return files


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
    if faces := _faces_in(path):
        return faces
    below = folder_of_video(path, video, lambda folder: bool(_faces_in(folder)))
    if below is not None:
        return _faces_in(below)
    raise FormatError(
        f"{path}: no .pts file in it, in annot/ or in {file_name(video.name)}/annot; choose the "
        "folder that holds them"
    )


def _faces_in(folder: Path) -> dict[int, Path]:
    """Face number to the folder of its files, for a video's folder or that of one face."""
    if any(folder.glob("*.pts")):
        return {0: folder}
    faces = {0: folder / "annot"}
    for below in folder.glob("face_*"):
        if match := _FACE_FOLDER.match(below.name):
            faces[int(match[1]) - 1] = below / "annot"
    return {face: annot for face, annot in faces.items() if any(annot.glob("*.pts"))}


def _n_landmarks(folders: dict[int, Path]) -> int:
    """7 if the first file has so many, else 68, which other files are then told to need."""
    first = min(folders.items())[1]
    landmarks = read_pts(min(first.glob("*.pts")), None)
    return 7 if len(landmarks) == len(SUBSET_7) else 68


def _of_the_video(folder: Path) -> Path:
    """Where a table of a face's files is: beside ``annot``, beside ``face_2``, or among them."""
    if folder.name != "annot":
        return folder
    above = folder.parent
    return above.parent if _FACE_FOLDER.match(above.name) else above


def _table_rows(folder: Path) -> dict[Path, faces_table.Row]:
    """What a table says of a face's files."""
    return faces_table.read(_of_the_video(folder) / faces_table.NAME)


def _frames_by_stem(video: VideoAnnotation) -> dict[str, int]:
    """Stem to frame; numbers also without their leading zeros."""
    stems: dict[str, int] = {}
    for frame in range(video.n_frames):
        stem = video.stem(frame)
        stems[stem] = frame
        if stem.isdecimal():
            stems.setdefault(stem.lstrip("0") or "0", frame)
    return stems
