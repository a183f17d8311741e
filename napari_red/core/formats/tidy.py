"""One row for each landmark of each face in each frame, as CSV or Parquet, for statistics.

Frames and landmarks count from 0; x and y are pixels from 0, pixel centres at integers.
Nothing is lost but landmarks without a position; ``source`` is ``person`` where a person
placed the landmark, else ``model``. Needs nothing for CSV; Parquet needs pyarrow, the
reference implementation (fastparquet is retired).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.formats.base import Options, Steps, needs, new_file
from trainer.scheme import scheme_for

COLUMNS = (
    "video",
    "face",
    "name",
    "identity",
    "frame",
    "time_s",
    "landmark",
    "group",
    "x",
    "y",
    "confidence",
    "visible",
    "source",
    "model",
    "accepted",
)
"""``face`` is the slot from 0, ``name`` what it is called."""

_ROWS_AT_ONCE = 500

Table = dict[str, list[Any]]


def write_csv(
    annotations: Sequence[VideoAnnotation], out: Path, options: Options, steps: Steps
) -> list[Path]:
    """Write ``OUT/landmarks.csv``; unknown values are empty."""
    path = out / "landmarks.csv"
    with (
        new_file(path, options.origin()) as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for table in _tables(annotations, steps):
            table["x"] = [f"{x:.3f}" for x in table["x"]]
            table["y"] = [f"{y:.3f}" for y in table["y"]]
            table["time_s"] = [number_text(value, ".6f") for value in table["time_s"]]
            table["confidence"] = [number_text(value, ".6g") for value in table["confidence"]]
            for column in ("visible", "accepted"):
                table[column] = ["true" if value else "false" for value in table[column]]
            writer.writerows(zip(*table.values(), strict=True))
    return [path]


def write_parquet(
    annotations: Sequence[VideoAnnotation], out: Path, options: Options, steps: Steps
) -> list[Path]:
    """Write ``OUT/landmarks.parquet``; unknown values are null."""
    with needs("Parquet files"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    words = pa.dictionary(pa.int32(), pa.string())
    types: dict[str, Any] = {
        "face": pa.int32(),
        "frame": pa.int64(),
        "time_s": pa.float64(),
        "landmark": pa.int32(),
        "x": pa.float32(),
        "y": pa.float32(),
        "confidence": pa.float32(),
        "visible": pa.bool_(),
        "accepted": pa.bool_(),
    }
    about = {"frame": "from 0", "x, y": "pixels from 0, pixel centres at integers"}
    schema = pa.schema([(name, types.get(name, words)) for name in COLUMNS], metadata=about)
    path = out / "landmarks.parquet"
    with new_file(path, options.origin()) as partial, pq.ParquetWriter(partial, schema) as writer:
        for table in _tables(annotations, steps):
            columns = [
                pa.array(np.array(table[name]), field.type, from_pandas=True)
                if pa.types.is_floating(field.type)
                else pa.array(table[name], field.type)
                for name, field in zip(COLUMNS, schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return [path]


def number_text(value: float, form: str) -> str:
    """A number, or nothing where it is unknown."""
    return "" if math.isnan(value) else format(value, form)


def _tables(annotations: Sequence[VideoAnnotation], steps: Steps) -> Iterator[Table]:
    """Columns of some rows at a time, landmarks with a position only."""
    for video in annotations:
        for face in video.faces:
            for start in range(0, len(face.frames), _ROWS_AT_ONCE):
                part = slice(start, start + _ROWS_AT_ONCE)
                for _ in face.frames[part]:
                    steps.step(video.name)
                yield _table(video, face, part)


def _table(video: VideoAnnotation, face: FaceAnnotation, part: slice) -> Table:
    rows, landmarks = np.nonzero(face.labelled[part])
    rows = rows + part.start
    frames = face.frames[rows].tolist()
    times = {frame: video.time(frame) for frame in set(frames)}
    groups = (
        scheme_for(face.n_landmarks).group_of()
        if face.n_landmarks in (68, 7)
        else [""] * face.n_landmarks
    )
    columns: Table = {
        "video": [video.name] * len(rows),
        "face": [face.face] * len(rows),
        "name": [face.name] * len(rows),
        "identity": [face.identity] * len(rows),
        "frame": frames,
        "time_s": [times[frame] for frame in frames],
        "landmark": landmarks.tolist(),
        "group": [groups[landmark] for landmark in landmarks],
        "x": face.landmarks[rows, landmarks, 0].tolist(),
        "y": face.landmarks[rows, landmarks, 1].tolist(),
        "confidence": face.confidence[rows, landmarks].tolist(),
        "visible": face.visible[rows, landmarks].tolist(),
        "source": ["person" if by else "model" for by in face.corrected[rows, landmarks].tolist()],
        "model": [face.models[row] for row in rows],
        "accepted": face.accepted[rows].tolist(),
    }
    return {name: columns[name] for name in COLUMNS}
