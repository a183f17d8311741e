"""Labels that were made elsewhere, into the project of a video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_red.core import cells
from napari_red.core.annotation import IMPORTED, FaceAnnotation
from napari_red.core.cells import Address
from napari_red.core.chunks import Chunk, chunk_of
from napari_red.core.edits import EditError
from napari_red.core.formats.registry import format_called
from napari_red.core.gather import annotation_of
from napari_red.core.marks import Marks, marks_to_bytes
from napari_red.core.person_names import known_people, person_name
from napari_red.core.prediction_rows import prediction_value
from napari_red.core.records import Correction, Prediction
from napari_red.core.session import Session

IMPORT = "import labels"
"""What the step is called in the history, whatever the folder is."""


@dataclass(frozen=True)
class ImportSummary:
    """What came in: new faces, frames of them, and what of it should be looked at."""

    faces: int
    frames: int
    notes: tuple[str, ...] = ()


def import_labels(
    session: Session, key: str, path: str | Path, *, trusted: bool = False
) -> ImportSummary:
    """Read labels of the session's video; every face in them is a new track, as one edit.

    Parameters
    ----------
    key : the format, a key of :data:`napari_red.core.formats.registry.FORMATS`
    path : of the file or folder
    trusted : a person made these labels: they count as corrections, train the model, and
        no model replaces them. Otherwise they are shown like a model's, to be corrected,
        but for those that the file itself tells from a model's.

    Raises
    ------
    FormatError
        If they can't be read, or don't fit the video.
    EditError
        If they have another number of landmarks than the faces that are there.
    """
    project, record = session.opened()
    notes: list[str] = []
    faces = format_called(key).read(path, annotation_of(project, record), notes.append)
    for face in faces:
        if session.n_faces and face.n_landmarks != session.n_landmarks:
            raise EditError(
                f"{path}: {face.n_landmarks} landmarks, the faces of {record.name} have "
                f"{session.n_landmarks}; import them into another project"
            )
    run = session.start_run(IMPORTED, "")  # not from where: folders are called after people
    session.finish_run(run, "done")
    values: dict[Address, bytes | None] = {}
    people = known_people(project)
    track_id, identity_id = project.new_id("track"), project.new_id("identity")
    number = max((track.face for track in session.tracks), default=-1) + 1
    for offset, face in enumerate(faces):
        name = person_name(face.identity or "")
        if name and name not in people:
            people[name] = identity_id
            values["identity", identity_id, 0] = name.encode()
            identity_id += 1
        identity = people.get(name)
        values["track", track_id + offset, 0] = cells.track_value(
            record.id, number + offset, face.n_landmarks, identity
        )
        values |= _face_values(track_id + offset, face, run, trusted)
    session.apply(values, IMPORT, (0, session.n_frames - 1))
    frames = sorted({frame for face in faces for frame in face.frames.tolist()})
    beyond = [frame for frame in frames if frame not in session.wanted]
    if beyond:
        notes.append(
            f"{len(beyond)} of {len(frames)} frames are none of those that are worked on (the "
            f"first is frame {beyond[0] + 1}): they are exported too, but nobody is asked to "
            "review them"
        )
    return ImportSummary(len(faces), sum(len(face.frames) for face in faces), tuple(notes))


def _face_values(
    track_id: int, face: FaceAnnotation, run: int, trusted: bool
) -> dict[Address, bytes | None]:
    values: dict[Address, bytes | None] = {}
    chunks: dict[int, Chunk] = {}
    tells_apart = any(face.models)
    nobody = np.zeros(face.n_landmarks, bool)
    for row, frame in enumerate(face.frames.tolist()):
        said = face.corrected[row] if tells_apart else nobody
        by_person = face.labelled[row] if trusted else said
        hidden = face.labelled[row] & ~face.visible[row]
        if by_person.any() or hidden.any():
            placed = np.where(by_person[:, None], face.landmarks[row], np.nan).astype(np.float32)
            values["correction", track_id, frame] = Correction(placed, hidden, run).to_bytes()
        number, index = chunk_of(frame)
        chunk = chunks.setdefault(number, Chunk.empty(face.n_landmarks))
        chunk.put(index, run, Prediction(frame, face.landmarks[row], face.confidence[row]))
    for number, chunk in sorted(chunks.items()):
        value = prediction_value(chunk, chunks.get(number - 1))
        values["prediction", track_id, number] = value
    marks = Marks()
    for frame in face.frames[face.accepted].tolist():
        marks.blocks.update(marks.changed(range(frame, frame + 1), True))
    for number, block in marks.blocks.items():
        values["accepted", track_id, number] = marks_to_bytes(block)
    return values
