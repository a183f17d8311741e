"""Label Studio: tasks of pictures with keypoints, and the labelling interface to paste.

Positions are per cent of the picture, from its top left corner, so half a pixel is added.
A frame in which a person corrected or accepted a face is an annotation, another a
prediction with the mean confidence as score. A face is a rectangle whose label is the
identity or the face's name, and its keypoints belong to it (``parentID``); hidden ones
have the choice ``hidden``. Which landmark was corrected is lost, and confidence of each in
annotations. Label Studio has no keypoints in videos, so the pictures of the frames are
needed: serve the export's folder as local storage. Frames count from 0 (``data.frame``).

sleap-io writes such files without a picture and without visibility, so that Label Studio
can't show them; the standard library's json does it. Files hold 1,000 tasks each, because
Label Studio takes no more than 250 MB at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.formats.base import Options, Steps, new_file
from napari_red.core.formats.names import individuals, landmark_names
from napari_red.core.formats.pictures import Pictures

TASKS_PER_FILE = 1000

Record = dict[str, Any]


def write(
    annotations: Sequence[VideoAnnotation], out: Path, options: Options, steps: Steps
) -> list[Path]:
    """Write ``OUT/labelstudio_001.json``, … and ``OUT/labelstudio.xml``, the interface."""
    tasks = _tasks(annotations, out, options, steps)
    written: list[Path] = []
    following = next(tasks, None)
    while following is not None:
        path = out / f"labelstudio_{len(written) + 1:03d}.json"
        with (
            new_file(path, options.origin()) as partial,
            partial.open("w", encoding="utf-8") as file,
        ):
            file.write("[")
            for number in range(TASKS_PER_FILE):
                if following is None:
                    break
                file.write((",\n" if number else "\n") + json.dumps(following, ensure_ascii=False))
                following = next(tasks, None)
            file.write("\n]\n")
        written.append(path)
    interface = out / "labelstudio.xml"
    with new_file(interface, options.origin()) as partial:
        partial.write_text(_interface(annotations), encoding="utf-8")
    return [*written, interface]


def _tasks(
    annotations: Sequence[VideoAnnotation], out: Path, options: Options, steps: Steps
) -> Iterator[Record]:
    for video in annotations:
        pictures = Pictures(video, out, options)
        names = individuals(video.faces)
        for frame, faces in video.by_frame():
            if not pictures.write(frame):
                continue
            regions: list[Record] = []
            for face, row in faces:
                steps.step(video.name)
                regions += _regions(video, frame, face, row, names[face.face])
            time = video.time(frame)
            data = {
                "image": "/data/local-files/?d=" + quote(pictures.name(frame)),
                "video": video.name,
                "frame": frame,
                "time_s": None if np.isnan(time) else round(time, 6),
                "accepted": all(bool(face.accepted[row]) for face, row in faces),
            }
            if any(face.by_person[row] for face, row in faces):
                yield {"data": data, "annotations": [{"result": regions}]}
                continue
            models = sorted({face.models[row] or "" for face, row in faces} - {""})
            score = _mean([face.confidence[row] for face, row in faces])
            head: Record = {"model_version": ", ".join(models) or "napari-red"}
            if score is not None:
                head |= {"score": score}
            yield {"data": data, "predictions": [head | {"result": regions}]}


def _regions(
    video: VideoAnnotation, frame: int, face: FaceAnnotation, row: int, name: str
) -> list[Record]:
    labelled = np.flatnonzero(face.labelled[row])
    scale = np.array([100 / video.width, 100 / video.height])
    points = ((face.landmarks[row].astype(np.float64) + 0.5) * scale).round(5)
    low, high = points[labelled].min(axis=0), points[labelled].max(axis=0)
    shape: Record = {
        "original_width": video.width,
        "original_height": video.height,
        "image_rotation": 0,
    }
    region = f"f{frame}-{face.face}"
    box = {"x": low[0], "y": low[1], "width": high[0] - low[0], "height": high[1] - low[1]}
    result: list[Record] = [
        {
            "id": region,
            "type": "rectanglelabels",
            "from_name": "faces",
            "to_name": "image",
            **shape,
            "value": {key: round(float(value), 5) for key, value in box.items()}
            | {"rotation": 0, "rectanglelabels": [name]},
        }
    ]
    words = landmark_names(face.n_landmarks)
    for index in labelled.tolist():
        x, y = points[index].tolist()
        where = {"x": x, "y": y, "width": 0.5}
        common = {"id": f"{region}-{index:02d}", "to_name": "image", "parentID": region, **shape}
        result.append(
            common
            | {
                "type": "keypointlabels",
                "from_name": "landmarks",
                "value": where | {"keypointlabels": [words[index]]},
            }
        )
        if not face.visible[row][index]:
            result.append(
                common
                | {
                    "type": "choices",
                    "from_name": "visibility",
                    "value": where | {"choices": ["hidden"]},
                }
            )
    return result


def _mean(values: list[np.ndarray]) -> float | None:
    joined = np.concatenate(values)
    known = joined[np.isfinite(joined)]
    return round(float(known.mean()), 5) if len(known) else None


def _interface(annotations: Sequence[VideoAnnotation]) -> str:
    faces = {name: None for video in annotations for name in individuals(video.faces).values()}
    words = {
        name: None
        for video in annotations
        for face in video.faces
        for name in landmark_names(face.n_landmarks)
    }

    def labels(values: dict[str, None]) -> str:
        return "\n".join(f"    <Label value={quoteattr(value)}/>" for value in values)

    return f"""<View>
  <Image name="image" value="$image" zoom="true"/>
  <RectangleLabels name="faces" toName="image">
{labels(faces)}
  </RectangleLabels>
  <KeyPointLabels name="landmarks" toName="image">
{labels(words)}
  </KeyPointLabels>
  <Choices name="visibility" toName="image" perRegion="true" whenTagName="landmarks">
    <Choice value="hidden"/>
  </Choices>
</View>
"""
