"""The other end of :mod:`napari_red.core.aligner_process`: aligns in a process of its own.

Reads a JSON line from standard input for every run and writes JSON lines to what was
standard output; whatever libraries print goes to standard error instead.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from napari_red.core.wire import decode_array, encode_array
from trainer.data.video import open_video
from trainer.errors import RedError
from trainer.geometry import FaceBox

NICENESS = 10
"""Added to the process's, so that the window goes first."""


def main() -> int:
    """Align as each line of standard input asks, until there are no more."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if hasattr(os, "nice"):
        with suppress(OSError):  # forbidden in some containers; then it runs as it is
            os.nice(NICENESS)
    aligner: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            aligner = aligner or _make_aligner(request)
            _align(aligner, request, out)
        except RedError as error:
            _send(out, error=str(error))
        else:
            _send(out, end=True)
    return 0


def _make_aligner(request: dict[str, Any]) -> Any:
    import cv2

    from trainer.alignment import SequentialAligner
    from trainer.checkpoint import load_model

    cv2.setNumThreads(request["threads"])
    return SequentialAligner(
        load_model(request["model"]), device=request["device"], threads=request["threads"]
    )


def _align(aligner: Any, request: dict[str, Any], out: TextIO) -> None:
    boxes = request["boxes"]
    corrections = {
        (int(frame), int(face)): decode_array(landmarks)
        for frame, face, landmarks in request["corrections"]
    }
    with open_video(request["path"]) as video:
        for result in aligner.run(
            video,
            faces=request["faces"],
            boxes=None if boxes is None else [box and FaceBox(*box) for box in boxes],
            start=request["start"],
            stop=request["stop"],
            corrections=corrections,
        ):
            _send(
                out,
                frame=int(result.frame),
                landmarks=encode_array(result.landmarks),
                confidence=encode_array(result.confidence),
                disagreement=encode_array(result.disagreement),
            )


def _send(out: TextIO, **message: Any) -> None:
    out.write(json.dumps(message) + "\n")


if __name__ == "__main__":
    sys.exit(main())
