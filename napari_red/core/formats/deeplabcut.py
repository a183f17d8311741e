"""DeepLabCut's tables, as CSV and H5: labels to train on, or tracks as from a video analysis.

Frames count from 0, and so do pixels, with centres at integers (DeepLabCut labels in
napari, whose coordinates are the same). One face has the single-animal header, several
have the one with individuals. Hidden landmarks are NaN, which is how DeepLabCut says
"not visible". Labels have no likelihood; tracks have the confidence, and 1 where a person
placed the landmark. Identity goes into the individual's name where there is one;
acceptance and models' names are lost.

pandas and PyTables write the H5, as they do in DeepLabCut. Reading uses neither, because
both run code that a prepared file brings along: see
:mod:`napari_red.core.formats.pandas_h5`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.formats.base import (
    FormatError,
    Options,
    Say,
    Steps,
    claim_folder,
    file_name,
    needs,
    new_file,
    origin_of,
)
from napari_red.core.formats.hdf5_files import hdf5_file
from napari_red.core.formats.marker import Marker, Origin
from napari_red.core.formats.names import identities, individuals, landmark_names, landmark_order
from napari_red.core.formats.pandas_h5 import Frame, read_frame
from napari_red.core.formats.pictures import FramesByPicture, Pictures
from napari_red.core.formats.reading import FoundFaces, folder_of_video, the_video, unreadable

SCORER = "napari-red"

_KEY = "df_with_missing"
_RESERVED = ("single",)
"""Where DeepLabCut keeps landmarks that belong to no animal."""

_HEADERS = (["scorer", "bodyparts", "coords"], ["scorer", "individuals", "bodyparts", "coords"])


def write_labels(
    annotations: Sequence[VideoAnnotation], out: Path, options: Options, steps: Steps
) -> list[Path]:
    """Write ``OUT/labeled-data/NAME/CollectedData_napari-red`` as .csv and .h5.

    The pictures of a folder keep their names; those of a video file are called
    ``img0012.png`` with the frame's number. They are written if wanted.
    """
    written = []
    for video in filter(_has_faces, annotations):
        name = file_name(video.name)
        folder = out / "labeled-data" / name
        claim_folder(folder, f"CollectedData_{SCORER}.*", "tables", options.origin(video))
        pictures = Pictures(video, out, options)
        files: dict[int, str] = {}
        for frame, _ in video.by_frame():
            steps.step(video.name)
            file = _picture(video, pictures, frame)
            if pictures.write(frame, folder / file):
                files[frame] = file
        if not files:
            continue
        with needs("DeepLabCut files"):
            import pandas as pd
        index = pd.MultiIndex.from_tuples([("labeled-data", name, file) for file in files.values()])
        table = _table(video, list(files), index, likelihood=False)
        written += _save(table, folder / f"CollectedData_{SCORER}", options.origin(video))
    return written


def write_tracks(
    annotations: Sequence[VideoAnnotation], out: Path, options: Options, steps: Steps
) -> list[Path]:
    """Write ``OUT/NAMEDLC_napari-red`` as .csv and .h5, a row for every frame of the video."""
    written = []
    for video in filter(_has_faces, annotations):
        for _ in range(sum(len(face.frames) for face in video.faces)):
            steps.step(video.name)
        frames = list(range(video.n_frames))
        table = _table(video, frames, frames, likelihood=True)
        written += _save(table, out / f"{file_name(video.name)}DLC_{SCORER}", options.origin(video))
    return written


def read(path: Path, video: VideoAnnotation, say: Say) -> list[FaceAnnotation]:
    """Read a .csv or .h5, labels or tracks, or the folder with ``CollectedData_*.csv``.

    Labels count as a person's; tracks, which have a likelihood, as a model's.
    """
    path = _file(path, video)
    try:
        table = read_frame(path) if path.suffix in (".h5", ".hdf5") else _read_csv(path)
    except FormatError:
        raise
    except (OSError, ValueError, KeyError, IndexError, csv.Error) as error:
        raise unreadable(path, "a DeepLabCut table", error) from error
    frames = _frames(path, table, video)
    found = FoundFaces(path, video, say, origin=origin_of(path))
    pictures = [re.split(r"[/\\]", str(entry[-1]))[-1] for entry in table.index]
    if video.picture_names is not None and _of_earlier_version(path):
        _say_if_counted_otherwise(path, pictures, frames, video, say)
    faces = _faces(path, table)
    people = identities(list(faces), _RESERVED)
    for name, columns in faces.items():
        found.face(name, people[name] or name, people[name])
        landmarks = table.values[:, columns[:, :2]]
        likelihood = table.values[:, columns[:, 2]] if columns.shape[1] == 3 else None
        for row, frame in enumerate(frames):
            if frame is None:
                continue
            found.add(
                name,
                frame,
                landmarks[row],
                where=f"row {row + 1}, {name}",
                confidence=None if likelihood is None else likelihood[row],
                corrected=None if likelihood is None else np.zeros(len(columns), dtype=bool),
                size=found.size_beside(pictures[row]),
            )
    return found.faces()


def _picture(video: VideoAnnotation, pictures: Pictures, frame: int) -> str:
    if video.picture_names is not None:
        return pictures.file(frame)
    digits = max(4, len(str(video.n_frames - 1)))
    return f"img{frame:0{digits}d}.png"


def _has_faces(video: VideoAnnotation) -> bool:
    return bool(video.faces)


def _table(video: VideoAnnotation, frames: list[int], index: Any, *, likelihood: bool) -> Any:
    """A pandas DataFrame with a column for each face, landmark and coordinate."""
    with needs("DeepLabCut files"):
        import pandas as pd
    coords = ["x", "y", "likelihood"][: 3 if likelihood else 2]
    names = individuals(video.faces, _RESERVED)
    many = len(video.faces) > 1
    blocks: list[np.ndarray] = []
    columns: list[tuple[str, ...]] = []
    for face in sorted(video.faces, key=lambda face: face.face):
        block = np.full((len(frames), face.n_landmarks, len(coords)), np.nan)
        shown = face.labelled & face.visible
        values = np.where(shown[..., None], face.landmarks, np.nan).astype(np.float64).round(3)
        if likelihood:
            trust = np.where(face.corrected, 1.0, face.confidence.astype(np.float64).round(5))
            trust = np.where(shown, trust, np.nan)
            values = np.concatenate([values, trust[..., None]], axis=2)
        block[np.searchsorted(frames, face.frames)] = values
        blocks.append(block.reshape(len(frames), -1))
        columns += [
            (SCORER, *([names[face.face]] if many else []), part, coord)
            for part in landmark_names(face.n_landmarks)
            for coord in coords
        ]
    header = _HEADERS[many]
    return pd.DataFrame(
        np.concatenate(blocks, axis=1),
        index=index,
        columns=pd.MultiIndex.from_tuples(columns, names=header),
    )


def _save(table: Any, path: Path, origin: Origin) -> list[Path]:
    with needs("DeepLabCut's H5 files"):
        import tables  # noqa: F401 (pandas asks for it; said here, so that the error is ours)
    as_csv, as_h5 = path.with_name(path.name + ".csv"), path.with_name(path.name + ".h5")
    with new_file(as_csv, origin) as partial:
        table.to_csv(partial, encoding="utf-8", lineterminator="\n")
    most = 500_000 + int(table.memory_usage(deep=True).sum())
    with new_file(as_h5, origin) as partial, hdf5_file(partial, most):
        table.to_hdf(partial, key=_KEY, mode="w")
    return [as_csv, as_h5]


def _file(path: Path, video: VideoAnnotation) -> Path:
    if not path.is_dir():
        return path
    below = path / "labeled-data"
    folder = path if _tables_in(path) else folder_of_video(below, video, _has_tables)
    if folder is None:
        raise FormatError(
            f"{path}: no CollectedData_*.csv in it or in labeled-data/{file_name(video.name)}; "
            "choose the .csv or .h5 file"
        )
    first, *more = _tables_in(folder)
    if more:
        names = ", ".join(file.name for file in (first, *more))
        raise FormatError(f"{folder}: several tables ({names}); choose one of them")
    return first


def _has_tables(folder: Path) -> bool:
    return bool(_tables_in(folder))


def _tables_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("CollectedData_*.csv"))


def _read_csv(path: Path) -> Frame:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    header: list[list[str]] = []
    for row in rows[:4]:
        header.append(row)
        if row[0] == "coords":
            break
    if [row[0] for row in header] not in list(_HEADERS):
        raise FormatError(
            f"{path}: begins with the rows {', '.join(repr(row[0][:20]) for row in header)}, and "
            "DeepLabCut's tables with scorer, (individuals,) bodyparts, coords; choose another "
            "format"
        )
    # The index has one column, or three: labeled-data, video, picture.
    first = next((n for n, cell in enumerate(header[0]) if n and cell), len(header[0]))
    body = rows[len(header) :]
    for number, row in enumerate(body, len(header) + 1):
        if len(row) != len(header[0]):
            raise FormatError(
                f"{path}, line {number}: {len(row)} columns, the header has {len(header[0])}; "
                "the file may be cut off: export it again"
            )
    values = [[float(cell) if cell else np.nan for cell in row[first:]] for row in body]
    columns = list(zip(*(row[first:] for row in header), strict=True))
    return Frame(
        [row[0] for row in header],
        [tuple(column) for column in columns],
        [tuple(row[:first]) for row in body],
        np.array(values, np.float64).reshape(len(body), len(columns)),
    )


def _frames(path: Path, table: Frame, video: VideoAnnotation) -> list[int | None]:
    """The frame of each row; None for rows of other videos."""
    entries = [re.split(r"[/\\]", "/".join(str(part) for part in entry)) for entry in table.index]
    folders = [parts[-2] if len(parts) > 1 else "" for parts in entries]
    names = list(dict.fromkeys(folders))
    wanted = names[the_video(path, names, video)] if len(names) > 1 else None
    by_picture = FramesByPicture(path, video)
    frames: list[int | None] = []
    for row, (parts, folder) in enumerate(zip(entries, folders, strict=True), 1):
        number = re.fullmatch(r"(\d+)(?:\.0)?", parts[-1])
        if wanted is not None and folder != wanted:
            frames.append(None)
        elif number:
            frames.append(int(number[1]))
        else:
            frames.append(by_picture.frame(parts[-1], f"row {row}"))
    return frames


def _of_earlier_version(path: Path) -> bool:
    """Whether this program wrote a file when it didn't note yet what it is of."""
    try:
        marker = Marker.read(path.parent)
    except (OSError, ValueError):
        return False
    return marker is not None and path.name in marker.files and path.name not in marker.origins


def _say_if_counted_otherwise(
    path: Path, pictures: list[str], frames: list[int | None], video: VideoAnnotation, say: Say
) -> None:
    """Earlier versions called the pictures of a folder, too, by the numbers of their frames."""
    for picture, frame in zip(pictures, frames, strict=True):
        number = re.fullmatch(r"img(\d+)\.png", picture)
        if number and frame is not None and int(number[1]) != frame:
            say(
                f"{path}: an earlier version wrote it and may have meant frame {int(number[1])} "
                f"(from 0) by {picture}, which was taken for the picture of {video.name} that is "
                "called so; check the labels, or export them again and import that"
            )
            return


def _faces(path: Path, table: Frame) -> dict[str, np.ndarray]:
    """Individual to (68, 2 or 3) column numbers of x, y and, if there, likelihood."""
    if table.names not in list(_HEADERS):
        raise FormatError(
            f"{path}: its columns are {table.names}, and DeepLabCut's {_HEADERS[1]}; choose "
            "another format"
        )
    many = "individuals" in table.names
    found: dict[str, dict[str, dict[str, int]]] = {}
    for number, column in enumerate(table.columns):
        name = str(column[1]) if many else "face 1"
        found.setdefault(name, {}).setdefault(str(column[-2]), {})[str(column[-1])] = number
    for name in _RESERVED:
        others = [set(parts) for other, parts in found.items() if other != name]
        if name in found and others and set(found[name]) not in others:
            del found[name]
    faces = {}
    for name, parts in found.items():
        names = list(parts)
        where = f"{path}, {name}" if many else str(path)
        picked = [parts[names[place]] for place in landmark_order(names, 68, where)]
        coords = ["x", "y"] + ["likelihood"] * all("likelihood" in part for part in picked)
        lacking = [part for part in picked if not {"x", "y"} <= part.keys()]
        if lacking:
            raise FormatError(f"{where}: a landmark without x or y; export it again")
        faces[name] = np.array([[part[coord] for coord in coords] for part in picked])
    return faces
