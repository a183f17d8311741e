"""CVAT for video 1.1: skeleton tracks of 68 points, one XML file for each video.

Frames count from 0. CVAT's pixels reach from their corner, so that the first pixel's
centre is at 0.5 and a picture ends at its width: half a pixel is added here. ``occluded``
is a hidden landmark with a position; ``outside`` is one without a position, and every
landmark in the frame where a face is gone, because CVAT carries a shape on until it is
told otherwise. Every frame is a key frame, so that CVAT makes up none in between.
Identity, acceptance and the model go out as attributes; confidence is lost.

CVAT only imports into a task whose labels it knows: ``cvat_labels.json`` beside the file
is what to paste into *Labels → Raw*. datumaro writes CVAT's XML without skeletons and
wants older pandas and OpenCV, cvat-sdk needs a server, so strings are written here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.formats.base import Options, Steps, file_name, new_file
from napari_red.core.formats.names import edges, landmark_names

LABEL = "face"

_ATTRIBUTES = (("name", "text"), ("identity", "text"), ("model", "text"), ("accepted", "checkbox"))


def write(
    annotations: Sequence[VideoAnnotation], out: Path, options: Options, steps: Steps
) -> list[Path]:
    """Write ``OUT/NAME.cvat.xml`` for every video, and ``OUT/cvat_labels.json``."""
    written = []
    shown = next(face for video in annotations for face in video.faces)
    labels = out / "cvat_labels.json"
    with new_file(labels) as partial:
        text = json.dumps([_label(shown)], ensure_ascii=False, indent=1)
        partial.write_text(text + "\n", encoding="utf-8")
    for video in annotations:
        path = out / f"{file_name(video.name)}.cvat.xml"
        with (
            new_file(path, options.origin(video)) as partial,
            partial.open("w", encoding="utf-8") as file,
        ):
            file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n')
            file.write("<version>1.1</version>\n" + _meta(video, shown))
            for number, face in enumerate(video.faces):
                _write_track(file, number, face, video.n_frames, steps)
            file.write("</annotations>\n")
        written.append(path)
    return [*written, labels]


def _write_track(
    file: TextIO, number: int, face: FaceAnnotation, n_frames: int, steps: Steps
) -> None:
    source = "manual" if face.by_person.any() else "auto"
    file.write(f'<track id="{number}" label="{LABEL}" source="{source}">\n')
    names = landmark_names(face.n_landmarks)
    frames = face.frames.tolist()
    last = np.zeros((face.n_landmarks, 2))
    for row, frame in enumerate(frames):
        steps.step(face.name)
        labelled = face.labelled[row]
        centre = np.nanmean(face.landmarks[row], axis=0) + 0.5
        if not row:
            last[:] = centre
        last[labelled] = face.landmarks[row][labelled] + 0.5
        occluded = labelled & ~face.visible[row]
        _write_skeleton(file, frame, names, last, ~labelled, occluded)
        file.write(_attributes(face, row) + "</skeleton>\n")
        after = frame + 1
        gone = row + 1 == len(frames) or frames[row + 1] != after
        if gone and after < n_frames:
            every = np.ones(face.n_landmarks, dtype=bool)
            _write_skeleton(file, after, names, last, every, ~every)
            file.write(_attributes(face, row) + "</skeleton>\n")
    file.write("</track>\n")


def _write_skeleton(
    file: TextIO,
    frame: int,
    names: list[str],
    positions: np.ndarray,
    outside: np.ndarray,
    occluded: np.ndarray,
) -> None:
    file.write(f'<skeleton frame="{frame}" keyframe="1" z_order="0">\n')
    columns = (names, outside.tolist(), occluded.tolist(), positions.tolist())
    file.write(
        "".join(
            f'<points label="{name}" keyframe="1" outside="{int(out)}" occluded="{int(hidden)}" '
            f'points="{x:.3f},{y:.3f}"></points>\n'
            for name, out, hidden, (x, y) in zip(*columns, strict=True)
        )
    )


def _attributes(face: FaceAnnotation, row: int) -> str:
    values = {
        "name": face.name,
        "identity": face.identity or "",
        "model": face.models[row] or "",
        "accepted": "true" if face.accepted[row] else "false",
    }
    return "".join(
        f"<attribute name={quoteattr(name)}>{escape(value)}</attribute>\n"
        for name, value in values.items()
    )


def _meta(video: VideoAnnotation, face: FaceAnnotation) -> str:
    attributes = "".join(
        f"<attribute><name>{name}</name><mutable>True</mutable><input_type>{kind}</input_type>"
        f"<default_value>{_default(kind)}</default_value><values>{_default(kind)}</values>"
        "</attribute>\n"
        for name, kind in _ATTRIBUTES
    )
    points = "".join(
        f"<label><name>{name}</name><color>#33ddff</color><type>points</type>"
        f"<attributes></attributes><parent>{LABEL}</parent></label>\n"
        for name in landmark_names(face.n_landmarks)
    )
    return (
        f"<meta>\n<task>\n<name>{escape(video.name)}</name>\n<size>{video.n_frames}</size>\n"
        "<mode>interpolation</mode>\n<overlap>0</overlap>\n<start_frame>0</start_frame>\n"
        f"<stop_frame>{video.n_frames - 1}</stop_frame>\n<labels>\n"
        f"<label><name>{LABEL}</name><color>#ffcc33</color><type>skeleton</type>"
        f"<attributes>\n{attributes}</attributes><svg>{escape(_svg(face))}</svg></label>\n"
        f"{points}</labels>\n<original_size><width>{video.width}</width>"
        f"<height>{video.height}</height></original_size>\n</task>\n</meta>\n"
    )


def _default(kind: str) -> str:
    return "false" if kind == "checkbox" else ""


def _label(face: FaceAnnotation) -> dict[str, Any]:
    """The label as CVAT's constructor takes it under *Raw*."""
    names = landmark_names(face.n_landmarks)
    return {
        "name": LABEL,
        "color": "#ffcc33",
        "type": "skeleton",
        "attributes": [
            {
                "name": name,
                "input_type": kind,
                "mutable": True,
                "values": [_default(kind)],
                "default_value": _default(kind),
            }
            for name, kind in _ATTRIBUTES
        ],
        "sublabels": [
            {"name": name, "color": "#33ddff", "type": "points", "attributes": []} for name in names
        ],
        "svg": _svg(face),
    }


def _svg(face: FaceAnnotation) -> str:
    """The skeleton's drawing, 0 … 100: the first whole face, or points in a circle."""
    n = face.n_landmarks
    whole = np.flatnonzero(face.labelled.all(axis=1))
    if len(whole):
        shape = face.landmarks[whole[0]].astype(np.float64)
        low, high = shape.min(axis=0), shape.max(axis=0)
        shape = 5 + 90 * (shape - low) / max(float((high - low).max()), 1e-6)
    else:
        turn = np.linspace(0, 2 * np.pi, n, endpoint=False)
        shape = 50 + 45 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    lines = "".join(
        f'<line x1="{shape[a, 0]:.2f}" y1="{shape[a, 1]:.2f}" x2="{shape[b, 0]:.2f}" '
        f'y2="{shape[b, 1]:.2f}" data-type="edge" data-node-from="{a + 1}" '
        f'data-node-to="{b + 1}"></line>'
        for a, b in edges(n)
    )
    nodes = "".join(
        f'<circle r="0.75" cx="{x:.2f}" cy="{y:.2f}" data-type="element node" '
        f'data-element-id="{index + 1}" data-node-id="{index + 1}" data-label-name="{name}">'
        "</circle>"
        for index, (name, (x, y)) in enumerate(zip(landmark_names(n), shape.tolist(), strict=True))
    )
    return lines + nodes
