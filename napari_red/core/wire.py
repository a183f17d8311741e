"""Arrays in JSON messages between processes."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np


def encode_array(array: np.ndarray) -> dict[str, Any]:
    """An array of any shape as JSON values, kept as float32."""
    data = np.ascontiguousarray(array, "<f4")
    return {"shape": list(data.shape), "data": base64.b64encode(data.tobytes()).decode("ascii")}


def decode_array(value: dict[str, Any]) -> np.ndarray:
    """The inverse of :func:`encode_array`: a float32 array."""
    flat = np.frombuffer(base64.b64decode(value["data"]), "<f4")
    return flat.reshape(value["shape"]).astype(np.float32)
