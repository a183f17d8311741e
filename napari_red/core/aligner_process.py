"""An aligner that works in a process of its own.

The window stays alive because nothing of the network runs beside it; cancelling works
at once because the process is ended; a crash there harms nothing here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import IO

import numpy as np

from napari_red.core.jobs import StopWork
from napari_red.core.wire import decode_array, encode_array
from trainer.data.video import Video
from trainer.errors import RedError
from trainer.geometry import FaceBox
from trainer.shape_residuals import CorrectedFaces
from trainer.who import Looks

WORKER = "napari_red.core.align_worker"
LOW_PRIORITY = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)  # Windows; else nice()


class AlignerProcessError(RedError):
    """The aligning process reported an error or ended without a word."""


@dataclass(frozen=True, eq=False)
class RemoteFrame:
    """One frame's result, as in :class:`trainer.alignment.AlignedFrame`.

    Attributes
    ----------
    frame : 0-based number in the video
    landmarks : (F, L, 2) float32, xy in video pixels, NaN where lost
    confidence : (F, L) float32, 0 to 1
    disagreement : (F,) float32, in sides of the face box, NaN where not known
    """

    frame: int
    landmarks: np.ndarray
    confidence: np.ndarray
    disagreement: np.ndarray


class AlignerProcess:
    """:class:`trainer.alignment.SequentialAligner` behind a pipe.

    Parameters
    ----------
    model : name of a shipped model, or path of a model file
    device : auto, cpu, cuda or mps
    threads : threads of the network; by default all cores but one, which the window needs
    """

    def __init__(self, model: str, device: str = "auto", threads: int | None = None) -> None:
        self.model = model
        self.device = device
        self.threads = threads or max((os.cpu_count() or 2) - 1, 1)
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[str] | None = None
        self._stopped = False
        self._requests = 0

    def stop(self) -> None:
        """End the process now; a :meth:`run` under way raises StopWork. For any thread."""
        self._stopped = True
        self.close()

    def close(self) -> None:
        """End the process; it would otherwise wait for another run."""
        process = self._process
        if process is not None:
            process.kill()

    def run(
        self,
        video: Video,
        *,
        faces: int = 1,
        boxes: Sequence[FaceBox | None] | None = None,
        start: int = 0,
        stop: int | None = None,
        corrections: Mapping[tuple[int, int], np.ndarray] | None = None,
        initial: np.ndarray | None = None,
        corrected: CorrectedFaces | None = None,
        people: Sequence[str] = (),
    ) -> Generator[RemoteFrame, None, None]:
        """Align frames ``start`` to ``stop`` of the video; results as they come.

        Parameters are those of :meth:`trainer.alignment.SequentialAligner.run`. Closing the
        iterator early lets the process live on for the next one.

        Raises
        ------
        AlignerProcessError
            With the message of the error in there.
        StopWork
            After :meth:`stop`.
        """
        request = {
            "kind": "run",
            "faces": faces,
            "boxes": None if boxes is None else [_plain(box) for box in boxes],
            "start": start,
            "stop": stop,
            "corrections": [
                [frame, face, encode_array(landmarks)]
                for (frame, face), landmarks in (corrections or {}).items()
            ],
            "initial": None if initial is None else encode_array(initial),
            "corrected": None if corrected is None else _plain_faces(corrected),
            "people": list(people),
        }
        yield from self._frames(video, request)

    def answers(self, video: Video, faces: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
        """What the network itself says of faces whose place is known: see
        :meth:`trainer.alignment.SequentialAligner.answers`.

        Raises
        ------
        AlignerProcessError
            With the message of the error in there.
        StopWork
            After :meth:`stop`.
        """
        with closing(self._ask(video, {"kind": "answers", "faces": _placed(faces)})) as messages:
            return np.concatenate([decode_array(message["seen"]) for message in messages])

    def follow(
        self, video: Video, frame: int, landmarks: np.ndarray, stop: int
    ) -> Generator[RemoteFrame, None, None]:
        """Follow one face from a frame: see
        :meth:`trainer.alignment.SequentialAligner.follow`.

        Raises
        ------
        AlignerProcessError
            With the message of the error in there.
        StopWork
            After :meth:`stop`.
        """
        request = {
            "kind": "follow",
            "frame": frame,
            "landmarks": encode_array(landmarks),
            "stop": stop,
        }
        yield from self._frames(video, request)

    def look(self, video: Video, faces: Sequence[tuple[int, np.ndarray]]) -> Looks | None:
        """How a face looks in some frames: see :func:`trainer.who.look`."""
        with closing(self._ask(video, {"kind": "look", "faces": _placed(faces)})) as answers:
            for answer in answers:
                people = tuple((name, chance) for name, chance in answer["people"])
                return Looks(decode_array(answer["code"]), people)
        return None

    def _frames(self, video: Video, request: dict) -> Generator[RemoteFrame, None, None]:
        with closing(self._ask(video, request)) as answers:
            for answer in answers:
                yield RemoteFrame(
                    answer["frame"],
                    decode_array(answer["landmarks"]),
                    decode_array(answer["confidence"]),
                    decode_array(answer["disagreement"]),
                )

    def _ask(self, video: Video, request: dict) -> Generator[dict, None, None]:
        """Send a request, yield what answers it."""
        self._requests += 1
        request |= {
            "id": self._requests,
            "path": str(video.path),
            "model": self.model,
            "device": self.device,
            "threads": self.threads,
        }
        process = self._started()
        at_end = False
        messages = _talk(process, request)
        try:
            for message in messages:
                if "error" in message:
                    at_end = True
                    raise AlignerProcessError(message["error"])
                if "end" in message:
                    at_end = True
                    return
                yield message
            if not self._stopped:
                process.wait()
                raise AlignerProcessError(self._ended_early(video))
        finally:
            if not at_end and not _cancelled(process, request["id"], messages):
                self._end(process)
        raise StopWork

    def _started(self) -> subprocess.Popen[str]:
        if self._stopped:
            raise StopWork
        if self._process is None or self._process.poll() is not None:
            self._log = tempfile.TemporaryFile(  # noqa: SIM115 - lives as long as the process
                "w+", encoding="utf-8", errors="replace"
            )
            self._process = subprocess.Popen(
                [sys.executable, "-m", WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                encoding="utf-8",
                creationflags=LOW_PRIORITY,
            )
        return self._process

    def _end(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def _ended_early(self, video: Video) -> str:
        said: list[str] = []
        if self._log is not None:
            self._log.seek(0)
            said = self._log.read().strip().splitlines()
        return (
            f"{video.path}: the aligning process ended early "
            f"({said[-1] if said else 'without a word'}); try again, with device cpu if it "
            "was another"
        )


def _plain(box: FaceBox | None) -> list[float] | None:
    return None if box is None else [box.x, box.y, box.width, box.height, box.score]


def _placed(faces: Sequence[tuple[int, np.ndarray]]) -> list[list]:
    return [[frame, encode_array(landmarks)] for frame, landmarks in faces]


def _plain_faces(faces: CorrectedFaces) -> dict:
    return {
        "told": encode_array(faces.told),
        "seen": encode_array(faces.seen),
        "people": faces.people,
    }


def _talk(process: subprocess.Popen[str], request: dict) -> Iterator[dict]:
    """Send the request, yield the messages that answer it until the pipe ends."""
    assert process.stdout is not None
    _say(process, request)
    while line := process.stdout.readline():
        if not line.endswith("\n"):  # killed in the middle of a message
            return
        yield json.loads(line)


def _say(process: subprocess.Popen[str], message: dict) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it is gone already: told by its missing end
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()


def _cancelled(process: subprocess.Popen[str], request: int, messages: Iterator[dict]) -> bool:
    """Ask the process to leave a request, and drop what it still says of it.

    Returns
    -------
    Whether it has left it; False where it is gone.
    """
    if process.poll() is not None:
        return False
    _say(process, {"cancel": request})
    return any("end" in message or "error" in message for message in messages)
