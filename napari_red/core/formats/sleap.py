"""SLEAP's ``.slp``: one file for all videos, written and read by sleap-io.

Frames count from 0, and since version 1.1 of the format pixel centres are at integers, as
here (sleap-io moves older files). What a person corrected or accepted is a user instance,
with ``complete`` on the landmarks a person placed; the rest is predicted instances with
confidence as score. Hidden landmarks keep their position. Confidence of user instances,
acceptance apart from correction, and models' names are lost; the identity becomes the
track's name where there is one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.formats.base import Options, Say, Steps, needs, new_file
from napari_red.core.formats.hdf5_files import hdf5_file
from napari_red.core.formats.marker import Origin
from napari_red.core.formats.names import (
    edges,
    identities,
    individuals,
    landmark_names,
    landmark_order,
)
from napari_red.core.formats.pictures import FramesByPicture
from napari_red.core.formats.reading import FoundFaces, Size, the_video, unreadable
from trainer.data.frame_folder import pictures_in


def write(
    annotations: Sequence[VideoAnnotation], out: Path, options: Options, steps: Steps
) -> list[Path]:
    """Write ``OUT/labels.slp``, which refers to the videos where they are."""
    with needs("SLEAP files"):
        import sleap_io as sio
    skeletons: dict[int, Any] = {}
    frames: list[Any] = []
    videos: list[Any] = []
    tracks: list[Any] = []
    for video in annotations:
        there = _sleap_video(sio, video)
        videos.append(there)
        of_face = {slot: sio.Track(name) for slot, name in individuals(video.faces).items()}
        tracks += of_face.values()
        for frame, faces in video.by_frame():
            instances = []
            for face, row in faces:
                steps.step(video.name)
                skeleton = skeletons.get(face.n_landmarks)
                if skeleton is None:
                    skeleton = skeletons[face.n_landmarks] = _skeleton(sio, face.n_landmarks)
                instances.append(_instance(sio, skeleton, of_face[face.face], face, row))
            frames.append(sio.LabeledFrame(video=there, frame_idx=frame, instances=instances))
    labels = sio.Labels(frames, videos=videos, skeletons=list(skeletons.values()), tracks=tracks)
    path = out / "labels.slp"
    with new_file(path, options.origin()) as partial:
        # sleap-io goes by the suffix.
        with_suffix = partial.with_name(partial.name + ".slp")
        try:
            with hdf5_file(with_suffix, sum(map(_most_bytes, annotations))):
                sio.save_slp(labels, str(with_suffix), embed=False, verbose=False)
            with_suffix.replace(partial)
        finally:
            with_suffix.unlink(missing_ok=True)
    return [path]


def read(path: Path, video: VideoAnnotation, say: Say) -> list[FaceAnnotation]:
    """Read the instances of one video; a track is a face.

    Instances without a track are told apart by their order in the frame. Where a frame has
    both the instance that a person made and the prediction it was made from, the person's
    counts.
    """
    with needs("SLEAP files"):
        import sleap_io as sio
    try:
        labels = sio.load_slp(str(path), open_videos=False)
        names = [_file_of(entry) for entry in labels.videos]
    except Exception as error:  # what h5py and sleap-io raise on a broken file has no one class
        raise unreadable(path, "a SLEAP file", error) from error
    wanted = labels.videos[the_video(path, names, video)]
    found = FoundFaces(path, video, say, origin=Origin(size=_size(wanted)))
    people = identities([str(track.name or "") for track in labels.tracks])
    for track in labels.tracks:
        identity = people[str(track.name or "")]
        found.face(id(track), identity or track.name, identity)
    orders: dict[int, list[int]] = {}
    by_picture = FramesByPicture(path, video)
    for labelled in labels:
        if labelled.video is not wanted:
            continue
        where = f"frame {labelled.frame_idx}"
        frame = _frame(labelled, by_picture, video, where)
        for nth, instance in enumerate(_instances(sio, labelled)):
            skeleton = instance.skeleton
            if id(skeleton) not in orders:
                at = f"{path}, skeleton {skeleton.name!r}"
                orders[id(skeleton)] = landmark_order(skeleton.node_names, 68, at)
            points = instance.points[orders[id(skeleton)]]
            predicted = isinstance(instance, sio.PredictedInstance)
            known = np.isfinite(points["xy"]).all(axis=1)
            found.add(
                f"face {nth + 1}" if instance.track is None else id(instance.track),
                frame,
                points["xy"],
                where=where,
                visible=points["visible"] & known,
                confidence=np.where(known, points["score"], np.nan) if predicted else None,
                corrected=np.zeros(68, dtype=bool) if predicted else None,
            )
    return found.faces()


def _sleap_video(sio: Any, video: VideoAnnotation) -> Any:
    """The video with the facts that SLEAP would find on opening it."""
    name: Any = video.name if video.path is None else str(video.path)
    facts: dict[str, Any] = {
        "type": "MediaVideo",
        "shape": (video.n_frames, video.height, video.width, 3),
        "grayscale": False,
        "bgr": True,
        "dataset": "",
        "input_format": "channels_last",
        "filename": name,
    }
    if video.path is not None and os.path.isdir(video.path) and (there := pictures_in(video.path)):
        name = [str(picture) for picture in there]
        facts |= {"type": "ImageVideo", "filename": name[0], "filenames": name}
    return sio.Video(filename=name, open_backend=False, backend_metadata=facts)


def _most_bytes(video: VideoAnnotation) -> int:
    """What a video needs in the file, at most."""
    pictures = 0 if video.picture_names is None else 1000 * video.n_frames  # twice their paths
    faces = sum(len(face.frames) * (32 * face.n_landmarks + 200) for face in video.faces)
    return 100_000 + pictures + faces


def _file_of(video: Any) -> str:
    """What a video is called; pictures are called by their folder."""
    if isinstance(video.filename, list):
        return str(Path(video.filename[0]).parent) if video.filename else ""
    return str(video.filename)


def _size(video: Any) -> Size | None:
    shape = (video.backend_metadata or {}).get("shape")
    if not shape or len(shape) != 4 or not shape[1] or not shape[2]:
        return None
    return int(shape[2]), int(shape[1])


def _frame(labelled: Any, by_picture: FramesByPicture, video: VideoAnnotation, where: str) -> int:
    """The frame, from 0: that of the picture of this name, where both are pictures."""
    told, pictures = int(labelled.frame_idx), labelled.video.filename
    if video.picture_names is None or not isinstance(pictures, list) or told >= len(pictures):
        return told
    named = by_picture.named(str(pictures[told]), where)
    return told if named is None else named


def _skeleton(sio: Any, n_landmarks: int) -> Any:
    pairs = [tuple(pair) for pair in edges(n_landmarks)]
    return sio.Skeleton(nodes=landmark_names(n_landmarks), edges=pairs, name="face")


def _instance(sio: Any, skeleton: Any, track: Any, face: FaceAnnotation, row: int) -> Any:
    by_person = bool(face.by_person[row])
    kind = sio.Instance if by_person else sio.PredictedInstance
    instance = kind.empty(skeleton=skeleton, track=track)
    labelled = face.labelled[row]
    instance.points["xy"] = face.landmarks[row]
    instance.points["visible"] = face.visible[row] & labelled
    instance.points["complete"] = face.corrected[row]
    if not by_person:
        confidence = np.nan_to_num(face.confidence[row].astype(np.float64), nan=0.0)
        instance.points["score"] = confidence
        known = np.isfinite(face.confidence[row])
        instance.score = float(confidence[known].mean()) if known.any() else 0.0
    return instance


def _instances(sio: Any, labelled: Any) -> list[Any]:
    """A person's instances, and predictions that none was made from."""
    people = [i for i in labelled.instances if not isinstance(i, sio.PredictedInstance)]
    sources = {id(i.from_predicted) for i in people if i.from_predicted is not None}
    tracks = {id(i.track) for i in people if i.track is not None}
    return [
        i
        for i in labelled.instances
        if not isinstance(i, sio.PredictedInstance)
        or (id(i) not in sources and (i.track is None or id(i.track) not in tracks))
    ]
