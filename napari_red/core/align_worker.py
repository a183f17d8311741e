"""The other end of :mod:`napari_red.core.aligner_process`: aligns in a process of its own.

Reads a JSON line from standard input for every request and writes JSON lines to what was
standard output; whatever libraries print goes to standard error instead.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from contextlib import closing, suppress
from typing import Any, TextIO

import numpy as np

from napari_red.core.wire import decode_array, encode_array
from trainer.data.video import Video, open_video
from trainer.errors import RedError
from trainer.geometry import FaceBox
from trainer.shape_residuals import CorrectedFaces

NICENESS = 10
"""Added to the process's, so that the window goes first."""


def main() -> int:
    """Align as each line of standard input asks, until there are no more."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if hasattr(os, "nice"):
        with suppress(OSError):  # forbidden in some containers; then it runs as it is
            os.nice(NICENESS)
    inbox = Inbox(sys.stdin)
    aligner: Any = None
    while (request := inbox.next()) is not None:
        try:
            aligner = aligner or _make_aligner(request)
            if request["kind"] == "look":
                _look(aligner, request, out)
            elif request["kind"] == "answers":
                _answer(aligner, request, out)
            else:
                _align(aligner, request, inbox, out)
        except RedError as error:
            _send(out, error=str(error))
        else:
            _send(out, end=True)
    return 0


class Inbox:
    """Requests in order, and which of them are not wanted any more.

    A thread of its own reads, so that ``{"cancel": ID}`` is seen while request ID is
    worked on.
    """

    def __init__(self, source: TextIO) -> None:
        self._requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._cancelled = 0
        self._at_end = False
        threading.Thread(target=self._read, args=(source,), daemon=True).start()

    def next(self) -> dict[str, Any] | None:
        """The next request; None at the end."""
        return self._requests.get()

    def is_wanted(self, request: dict[str, Any]) -> bool:
        """False once the request was cancelled, or nobody is there to hear the answer."""
        return not self._at_end and request["id"] > self._cancelled

    def _read(self, source: TextIO) -> None:
        for line in source:
            message = json.loads(line)
            if "cancel" in message:
                self._cancelled = max(self._cancelled, message["cancel"])
            else:
                self._requests.put(message)
        self._at_end = True
        self._requests.put(None)


def _make_aligner(request: dict[str, Any]) -> Any:
    import cv2

    from trainer.alignment import SequentialAligner
    from trainer.checkpoint import load_model

    cv2.setNumThreads(request["threads"])
    return SequentialAligner(
        load_model(request["model"]), device=request["device"], threads=request["threads"]
    )


def _align(aligner: Any, request: dict[str, Any], inbox: Inbox, out: TextIO) -> None:
    with open_video(request["path"]) as video, closing(_frames(aligner, video, request)) as frames:
        for result in frames:
            if not inbox.is_wanted(request):
                return
            _send(
                out,
                frame=int(result.frame),
                landmarks=encode_array(result.landmarks),
                confidence=encode_array(result.confidence),
                disagreement=encode_array(result.disagreement),
            )


def _look(aligner: Any, request: dict[str, Any], out: TextIO) -> None:
    from trainer.who import look

    with open_video(request["path"]) as video:
        looks = look(aligner, video, _placed(request))
    if looks is not None:
        _send(out, code=encode_array(looks.code), people=looks.people)


def _answer(aligner: Any, request: dict[str, Any], out: TextIO) -> None:
    with open_video(request["path"]) as video:
        _send(out, seen=encode_array(aligner.answers(video, _placed(request))))


def _placed(request: dict[str, Any]) -> list[tuple[int, np.ndarray]]:
    return [(int(frame), decode_array(landmarks)) for frame, landmarks in request["faces"]]


def _frames(aligner: Any, video: Video, request: dict[str, Any]) -> Any:
    if request["kind"] == "follow":
        landmarks = decode_array(request["landmarks"])
        return aligner.follow(video, request["frame"], landmarks, request["stop"])
    boxes, initial, faces = request["boxes"], request["initial"], request["corrected"]
    return aligner.run(
        video,
        faces=request["faces"],
        boxes=None if boxes is None else [box and FaceBox(*box) for box in boxes],
        start=request["start"],
        stop=request["stop"],
        corrections={
            (int(frame), int(face)): decode_array(landmarks)
            for frame, face, landmarks in request["corrections"]
        },
        initial=None if initial is None else decode_array(initial),
        corrected=None if faces is None else _corrected(faces),
        people=request["people"],
    )


def _corrected(faces: dict[str, Any]) -> CorrectedFaces:
    told, seen = decode_array(faces["told"]), decode_array(faces["seen"])
    return CorrectedFaces(told, seen, tuple(faces["people"]))


def _send(out: TextIO, **message: Any) -> None:
    out.write(json.dumps(message) + "\n")


if __name__ == "__main__":
    sys.exit(main())
