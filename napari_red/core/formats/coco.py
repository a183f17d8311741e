"""COCO keypoints: one JSON file for all videos.

Keypoints are pixel indices from 0: pixel centres at integers, as the data set's are
(COCO's documentation calls them 0-indexed; detectron2 adds 0.5 on reading to get to
corners). Boxes are continuous, from the picture's top left corner, so the box of one
pixel is ``[x, y, 1, 1]``. ``v`` is 2 for visible, 1 for hidden with a position, 0 with
``x = y = 0`` for no position. The standard has no place for who a face is, so each
annotation also has ``track_id`` (the slot, from 1), ``name``, ``identity``, ``accepted``,
``confidence``, ``corrected`` and ``model``, and each picture ``video_id``, ``frame_id``
(from 0) and ``time_s``; readers of COCO skip what they don't know.

sleap-io writes COCO too, but hidden landmarks lose their position there (v = 0) and
confidence is dropped, so the standard library's json does it. The face landmarks of
COCO-WholeBody (``face_kpts``) are read as well.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.formats.base import FormatError, Options, Say, Steps, new_file
from napari_red.core.formats.marker import Origin
from napari_red.core.formats.names import edges, landmark_names, landmark_order
from napari_red.core.formats.pictures import FramesByPicture, Pictures
from napari_red.core.formats.reading import FoundFaces, Size, the_video, unreadable

Record = dict[str, Any]


def write(
    annotations: Sequence[VideoAnnotation], out: Path, options: Options, steps: Steps
) -> list[Path]:
    """Write ``OUT/coco.json``, and the pictures if wanted."""
    path = out / "coco.json"
    sizes = sorted({face.n_landmarks for video in annotations for face in video.faces})
    images: list[Record] = []
    with new_file(path, options.origin()) as partial, partial.open("w", encoding="utf-8") as file:
        file.write('{"info": ' + _json({"description": "face landmarks", "version": "1.0"}))
        file.write(
            ', "licenses": [], "categories": '
            + _json([_category(i, n) for i, n in enumerate(sizes, 1)])
        )
        file.write(', "videos": ' + _json(_videos(annotations)) + ', "annotations": [')
        number = 0
        for video_id, video in enumerate(annotations, 1):
            pictures = Pictures(video, out, options)
            for frame, faces in video.by_frame():
                if not pictures.write(frame):
                    continue
                images.append(_image(len(images) + 1, video_id, video, frame, pictures))
                for face, row in faces:
                    steps.step(str(path))
                    number += 1
                    head = {"id": number, "image_id": len(images), "video_id": video_id}
                    record = head | _annotation(face, row, sizes.index(face.n_landmarks) + 1)
                    file.write(("," if number > 1 else "") + "\n" + _json(record))
        file.write('\n], "images": ' + _json(images) + "}\n")
    return [path]


def read(path: Path, video: VideoAnnotation, say: Say) -> list[FaceAnnotation]:
    """Read the annotations with 68 keypoints, or with face landmarks of COCO-WholeBody.

    Annotations of one ``track_id`` (or CVAT's ``attributes.track_id``) are one face;
    without it, faces are told apart by their order in the picture. A picture's frame is
    its ``frame_id``, or what its name says.
    """
    data = _load(path)
    try:
        there = _video(path, data, video)
        found = FoundFaces(path, video, say, origin=Origin(video=str(there.get("fingerprint", ""))))
        images = list(_images(data, there.get("id")))
        frames = _frames(path, images, video)
        sizes = {image["id"]: _size(image) for image in images}
        categories = {
            category["id"]: category.get("keypoints") for category in data.get("categories", [])
        }
        for record in sorted(data["annotations"], key=_slot):
            if frames.get(record["image_id"]) is not None and _track(record) is not None:
                found.face(("track", _track(record)), record.get("name"), record.get("identity"))
        seen: Counter[int] = Counter()
        orders: dict[int, list[int]] = {}
        for record in data["annotations"]:
            frame = frames.get(record["image_id"])
            where = f"annotation {record.get('id')}"
            values = record.get("keypoints")
            if record.get("face_kpts") is not None:
                names, values = None, record["face_kpts"] if record.get("face_valid", 1) else None
            else:
                names = categories.get(record.get("category_id"))
            if values is None or frame is None:
                continue
            triples = np.array(values, np.float64).reshape(-1, 3)
            if names is not None and len(triples) == len(names) == 68:
                category = record["category_id"]
                if category not in orders:
                    orders[category] = landmark_order(names, 68, f"{path}, category {category}")
                triples = triples[orders[category]]
            seen[frame] += 1
            size = sizes[record["image_id"]]
            _add(found, record, frame, triples, seen[frame], where, size)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreadable(path, "a COCO file of keypoints", error) from error
    return found.faces()


def _add(
    found: FoundFaces,
    record: Record,
    frame: int,
    triples: np.ndarray,
    nth: int,
    where: str,
    size: Size | None,
) -> None:
    track = _track(record)
    key = ("in order", nth) if track is None else ("track", track)
    found.face(key, record.get("name"), record.get("identity"))
    known = triples[:, 2] > 0
    confidence, corrected = record.get("confidence"), record.get("corrected")
    found.add(
        key,
        frame,
        np.where(known[:, None], triples[:, :2], np.nan),
        where=where,
        visible=triples[:, 2] > 1 if np.isin(triples[:, 2], (0, 1, 2)).all() else known,
        confidence=None if confidence is None else np.array(confidence, np.float64),
        corrected=None if corrected is None else np.array(corrected, bool),
        accepted=bool(record.get("accepted", False)),
        model=record.get("model"),
        size=size,
    )


def _track(record: Record) -> Any:
    attributes = record.get("attributes") or {}
    return record.get("track_id", attributes.get("track_id", attributes.get("object_id")))


def _slot(record: Record) -> tuple[int, str]:
    """For sorting by track: numbers as numbers."""
    track = str(_track(record))
    return (int(track) if track.isdecimal() else 0, track)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _category(number: int, n_landmarks: int) -> Record:
    return {
        "id": number,
        "name": "face",
        "supercategory": "person",
        "keypoints": landmark_names(n_landmarks),
        "skeleton": [[a + 1, b + 1] for a, b in edges(n_landmarks)],
    }


def _videos(annotations: Sequence[VideoAnnotation]) -> list[Record]:
    return [
        {
            "id": number,
            "name": video.name,
            "file_name": video.name if video.path is None else video.path.name,
            "width": video.width,
            "height": video.height,
            "length": video.n_frames,
        }
        | ({"fingerprint": video.id} if video.id else {})
        for number, video in enumerate(annotations, 1)
    ]


def _image(
    number: int, video_id: int, video: VideoAnnotation, frame: int, pictures: Pictures
) -> Record:
    time = video.time(frame)
    return {
        "id": number,
        "file_name": pictures.name(frame),
        "width": video.width,
        "height": video.height,
        "video_id": video_id,
        "frame_id": frame,
        "time_s": None if np.isnan(time) else round(time, 6),
    }


def _annotation(face: FaceAnnotation, row: int, category: int) -> Record:
    labelled, visible = face.labelled[row], face.visible[row]
    points = np.where(labelled[:, None], face.landmarks[row].astype(np.float64), 0).round(3)
    flags = np.where(labelled, np.where(visible, 2, 1), 0)
    low, high = points[labelled].min(axis=0), points[labelled].max(axis=0)
    width, height = (high - low + 1).round(3).tolist()
    confidence = face.confidence[row]
    known = np.isfinite(confidence)
    return {
        "category_id": category,
        "keypoints": [
            value
            for (x, y), flag in zip(points.tolist(), flags.tolist(), strict=True)
            for value in (x, y, flag)
        ],
        "num_keypoints": int(labelled.sum()),
        "bbox": [*low.tolist(), width, height],
        "area": round(width * height, 3),
        "iscrowd": 0,
        "track_id": face.face + 1,
        "name": face.name,
        "identity": face.identity,
        "accepted": bool(face.accepted[row]),
        "model": face.models[row],
        "confidence": [
            round(value, 4) if ok else None
            for value, ok in zip(confidence.tolist(), known.tolist(), strict=True)
        ]
        if known.any()
        else None,
        "corrected": face.corrected[row].astype(int).tolist(),
    }


def _load(path: Path) -> Record:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(path, "a COCO file", error) from error
    if not isinstance(data, dict) or not {"images", "annotations"} <= data.keys():
        raise FormatError(
            f"{path}: has no lists 'images' and 'annotations', so it isn't a COCO file; choose "
            "another format"
        )
    return data


def _video(path: Path, data: Record, video: VideoAnnotation) -> Record:
    """What the file says of this video; nothing where it names no videos."""
    if not data.get("videos"):
        return {}
    names = [entry.get("file_name") or entry["name"] for entry in data["videos"]]
    if data["videos"][0].get("name") and len(names) > 1:
        names = [entry["name"] for entry in data["videos"]]
    ids = [str(entry.get("fingerprint", "")) for entry in data["videos"]]
    there: Record = data["videos"][the_video(path, names, video, ids)]
    return there


def _frames(path: Path, images: Sequence[Record], video: VideoAnnotation) -> dict[Any, int]:
    """Picture id to frame."""
    by_picture = FramesByPicture(path, video)
    return {image["id"]: _frame(path, image, by_picture, video) for image in images}


def _size(image: Record) -> Size | None:
    width, height = image.get("width"), image.get("height")
    return (int(width), int(height)) if width and height else None


def _frame(path: Path, image: Record, by_picture: FramesByPicture, video: VideoAnnotation) -> int:
    told, name = image.get("frame_id"), image.get("file_name")
    if told is None:
        return by_picture.frame(image["file_name"], f"image {name!r}")
    if name is not None and video.picture_names is not None:
        frame = by_picture.named(name, f"image {name!r}", int(told))
        if frame is not None and frame != int(told):
            raise FormatError(
                f"{path}, image {name!r}: is frame {told} (from 0) by its frame_id, and the "
                f"picture of that name is frame {frame} of {video.name}; check that it belongs to "
                "this folder, or take frame_id out of the file"
            )
    return int(told)


def _images(data: Record, video_id: Any) -> Iterator[Record]:
    for image in data["images"]:
        if video_id is None or image.get("video_id") in (None, video_id):
            yield image
