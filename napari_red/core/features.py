"""What the project keeps of each chunk of predictions for the strip and the queue."""

from __future__ import annotations

import zlib

import numpy as np

from napari_red.core.chunks import CHUNK, Chunk
from trainer.frame_features import FrameFeatures, summarise


def features_of(chunk: Chunk, before: Chunk | None) -> bytes:
    """The features of a chunk's frames, compressed.

    Parameters
    ----------
    chunk : the predictions
    before : the chunk before it, whose last two frames tell how the face was moving
    """
    earlier = None if before is None else before.landmarks[-2:]
    found = summarise(chunk.landmarks, chunk.confidence, chunk.disagreement, earlier)
    return zlib.compress(found.to_array().astype("<f2").tobytes(), 1)


def features_from(blob: bytes) -> FrameFeatures:
    """The inverse of :func:`features_of`."""
    values = np.frombuffer(zlib.decompress(blob), "<f2").reshape(CHUNK, -1)
    return FrameFeatures.from_array(values.astype(np.float32))
