"""dlib's XML of pictures, boxes and parts, which imglab edits and dlib trains on.

Positions count from 0, pixel centres at integers, and are **whole pixels**: dlib refuses
fractions. Parts are called 00, 01, … because dlib sorts them as text. The box is the
tightest around the landmarks that have a position; its label is the identity, or the
face's name, and it says ``occluded`` when one of its landmarks is hidden. The format
knows neither which landmark is hidden nor confidence nor acceptance. Landmarks without a
position are left out, which dlib's training takes for missing.

No library writes this but dlib, which has to be compiled; the standard library does.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.formats.base import (
    FormatError,
    Options,
    Say,
    Steps,
    file_name,
    new_file,
    origin_of,
)
from napari_red.core.formats.names import individuals, landmark_order
from napari_red.core.formats.pictures import FramesByPicture, Pictures
from napari_red.core.formats.reading import FoundFaces, Size, unreadable

_HEAD = """<?xml version='1.0' encoding='UTF-8'?>
<dataset>
<name>{name}</name>
<comment>Written by napari-red. Pixels from 0; whole pixels, because dlib reads no others.</comment>
<images>
"""


def write(
    annotations: Sequence[VideoAnnotation], out: Path, options: Options, steps: Steps
) -> list[Path]:
    """Write ``OUT/NAME.xml`` for every video, and the pictures if wanted."""
    written = []
    for video in annotations:
        pictures = Pictures(video, out, options)
        names = individuals(video.faces)
        path = out / f"{file_name(video.name)}.xml"
        with (
            new_file(path, options.origin(video)) as partial,
            partial.open("w", encoding="utf-8") as file,
        ):
            file.write(_HEAD.format(name=escape(video.name)))
            for frame, faces in video.by_frame():
                if not pictures.write(frame):
                    continue
                file.write(
                    f"<image file={quoteattr(pictures.name(frame))} width='{video.width}' "
                    f"height='{video.height}'>\n"
                )
                for face, row in faces:
                    steps.step(str(path))
                    file.write(_box(face, row, names[face.face]))
                file.write("</image>\n")
            file.write("</images>\n</dataset>\n")
        written.append(path)
    return written


def read(path: Path, video: VideoAnnotation, say: Say) -> list[FaceAnnotation]:
    """Read the boxes with parts; boxes of one label are one face.

    Boxes without a label, or with one that is twice in a picture, are told apart by their
    order in the picture.
    """
    frames = FramesByPicture(path, video)
    found = FoundFaces(path, video, say, origin=origin_of(path))
    for file, told, boxes in _images(path):
        size = told or found.size_beside(file)
        frame = frames.frame(file, f"image {file!r}")
        labels = [label for label, _ in boxes]
        for number, (label, parts) in enumerate(boxes):
            if not parts:
                continue
            where = f"image {file!r}, box {number + 1}"
            key = label if label and labels.count(label) == 1 else f"face {number + 1}"
            found.face(key, key)
            landmarks = _landmarks(path, where, parts)
            found.add(key, frame, landmarks, where=where, size=size)
    return found.faces()


def _box(face: FaceAnnotation, row: int, name: str) -> str:
    labelled = face.labelled[row]
    points = np.rint(face.landmarks[row][labelled]).astype(int)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    occluded = int((~face.visible[row][labelled]).any())
    parts = "".join(
        f"<part name='{index:02d}' x='{x}' y='{y}'/>\n"
        for index, (x, y) in zip(np.flatnonzero(labelled), points.tolist(), strict=True)
    )
    return (
        f"<box top='{top}' left='{left}' width='{right - left + 1}' height='{bottom - top + 1}'"
        f" occluded='{occluded}'>\n<label>{escape(name)}</label>\n{parts}</box>\n"
    )


Parts = dict[str, tuple[float, float]]


def _images(path: Path) -> Iterator[tuple[str, Size | None, list[tuple[str, Parts]]]]:
    """File name, size if it is told and boxes (label, parts) of each image."""
    root = None
    try:
        for event, element in ET.iterparse(path, events=("start", "end")):
            if root is None:
                root = element
                if root.tag != "dataset":
                    raise FormatError(
                        f"{path}: begins with <{root.tag}>, a dlib file with <dataset>; choose "
                        "another format"
                    )
            if event == "end" and element.tag == "image":
                yield (
                    element.attrib["file"],
                    _size(element),
                    [(box.findtext("label") or "", _parts(box)) for box in element.iter("box")],
                )
                element.clear()
    except (OSError, ET.ParseError, KeyError, ValueError) as error:
        raise unreadable(path, "a dlib XML file", error) from error


def _size(image: ET.Element) -> Size | None:
    width, height = (int(image.attrib.get(side, 0)) for side in ("width", "height"))
    return (width, height) if width > 0 and height > 0 else None


def _parts(box: ET.Element) -> Parts:
    return {
        part.attrib["name"]: (float(part.attrib["x"]), float(part.attrib["y"]))
        for part in box.iter("part")
    }


def _landmarks(path: Path, where: str, parts: Parts) -> np.ndarray:
    """(68, 2): by number where all names are numbers from 0 to 67 (some may be missing),
    else all 68 in dlib's order of names."""
    landmarks = np.full((68, 2), np.nan)
    if all(name.isdecimal() and int(name) < 68 for name in parts):
        for name, position in parts.items():
            landmarks[int(name)] = position
        return landmarks
    names = sorted(parts)
    order = landmark_order(names, 68, f"{path}, {where}")
    return np.array([parts[names[place]] for place in order])
