"""Corrected faces whose left and right are exchanged, from which nothing should be learned."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from napari_red.core.records import VideoRecord
from napari_red.core.track_data import TrackData
from trainer.frame_features import summarise

BEHIND = 90.0
"""Degrees of yaw beyond which landmarks lie as on a head that is seen from behind. Of 7,684
published and rendered faces, turned by up to 80°, none does; with left and right exchanged each
does."""

_NAMED = 5


def swapped_frames(track: TrackData, frames: Iterable[int]) -> set[int]:
    """Those of some corrected frames in which the landmarks lie in mirrored order."""
    complete = [(frame, track.complete(frame)) for frame in frames]
    faces = [(frame, face) for frame, face in complete if face is not None]
    if not faces:
        return set()
    landmarks = np.stack([face for _, face in faces])
    sure = np.ones(landmarks.shape[:2], np.float32)
    yaw = summarise(landmarks, sure, np.zeros(len(faces), np.float32)).yaw
    return {frame for (frame, _), turned in zip(faces, np.abs(yaw), strict=True) if turned > BEHIND}


def words(video: VideoRecord, track: TrackData, frames: set[int]) -> str:
    """What to say of them."""
    first = sorted(frames)[:_NAMED]
    named = ", ".join(str(frame + 1) for frame in first) + (" …" if len(frames) > _NAMED else "")
    return (
        f"{video.name}, face {track.record.face + 1}: left and right are exchanged in "
        f"{len(frames)} of the corrected frames ({named}), so nothing is learned there; the "
        "landmarks lie as on a head that is seen from behind. Reset those frames, or place them "
        "anew."
    )
