"""The parent's side of a peer that runs in another Python (see ``worker.py`` there)."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from trainer.errors import RedError
from trainer.geometry import FaceBox

WORKER = Path(__file__).with_name("worker.py")
MAGIC = b"RPM1"
MOST_BYTES = 64 * 1024 * 1024
"""No answer is longer: a length beyond it is garbage."""


class PeerError(RedError):
    """A peer that isn't there, doesn't answer, or answers nonsense."""


@dataclass
class PeerAnswer:
    """What a peer found in one frame.

    Attributes
    ----------
    landmarks : (faces, points, 2) float32, xy in the frame's pixels, centres at integers;
        the peer's own points
    seconds : spent in the peer's "detect" and "landmarks", without the way to it and back
    """

    landmarks: np.ndarray
    seconds: dict[str, float]


class PeerProcess:
    """One peer, running. A context manager.

    Parameters
    ----------
    python : the interpreter that has the peer installed
    peer : its name in the worker
    settings : for the worker's class of that peer
    worker : the script to run
    environment : variables for the process, added to this one's
    cores : processor numbers it may use, where the system can say so; None is all
    timeout : seconds after which a silent worker is ended

    Raises
    ------
    PeerError
        If the worker can't be started, or the peer isn't installed there.
    """

    def __init__(
        self,
        python: str | Path,
        peer: str,
        settings: Mapping[str, Any],
        *,
        worker: Path = WORKER,
        environment: Mapping[str, str] | None = None,
        cores: set[int] | None = None,
        timeout: float = 120.0,
    ) -> None:
        self.peer = peer
        self._timeout = timeout
        self._timed_out = False
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        try:
            self._process = subprocess.Popen(
                [str(python), "-I", str(worker), peer],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env={**os.environ, **(environment or {})},
            )
        except OSError as error:
            self._stderr.close()
            raise PeerError(
                f"{peer}: {python} can't be started ({error.strerror}); "
                "make the environment again with `python -m trainer peers DIR`"
            ) from error
        if cores is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self._process.pid, cores)
        try:
            ready, _ = self._ask({"op": "start", "settings": dict(settings)})
        except PeerError:
            self.close()
            raise
        self.version = str(ready.get("version", "?"))

    def align(self, image: np.ndarray, box: FaceBox | None = None) -> PeerAnswer:
        """Landmarks of the faces in an (H, W, 3) uint8 RGB picture.

        ``box`` is the tight box of the 68 landmarks, for peers that want one.

        Raises
        ------
        PeerError
            If the peer fails or its process is gone.
        """
        image = np.ascontiguousarray(image, np.uint8)
        place = None if box is None else [box.x, box.y, box.width, box.height]
        head = {"op": "frame", "shape": list(image.shape), "box": place}
        answer, body = self._ask(head, image.tobytes())
        try:
            shape = tuple(int(n) for n in answer["shape"])
            landmarks = np.frombuffer(body, "<f4").reshape(shape).copy()
            seconds = {part: float(answer["seconds"][part]) for part in ("detect", "landmarks")}
        except (KeyError, TypeError, ValueError) as error:
            raise self._failure(f"sent an answer that makes no sense ({error})") from error
        return PeerAnswer(landmarks, seconds)

    def reset(self) -> None:
        """Another video begins."""
        self._ask({"op": "reset"})

    def peak_memory(self) -> int | None:
        """Most memory its process ever held, in bytes; None where the system doesn't tell."""
        answer, _ = self._ask({"op": "usage"})
        peak = answer.get("peak_rss")
        return None if peak is None else int(peak)

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # it is gone already
                    stream.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, head: dict[str, Any], body: bytes = b"") -> tuple[dict[str, Any], bytes]:
        stdin = self._process.stdin
        assert stdin is not None  # asked for above
        text = json.dumps(head).encode()
        watch = threading.Timer(self._timeout, self._give_up)
        watch.start()
        try:
            stdin.write(struct.pack("<4sII", MAGIC, len(text), len(body)) + text)
            stdin.write(body)
            stdin.flush()
            answer, data = self._read()
        except OSError as error:
            raise self._failure("ended before it answered") from error
        finally:
            watch.cancel()
        if answer.get("kind") == "error":
            raise PeerError(f"{self.peer}: {answer.get('text')}")
        return answer, data

    def _read(self) -> tuple[dict[str, Any], bytes]:
        magic, head, body = struct.unpack("<4sII", self._exactly(12))
        if magic != MAGIC or head > MOST_BYTES or body > MOST_BYTES:
            self._process.kill()
            raise self._failure(f"sent something that is no message (it begins with {magic!r})")
        try:
            answer = json.loads(self._exactly(head))
        except ValueError as error:
            self._process.kill()
            raise self._failure("sent a message whose head isn't JSON") from error
        if not isinstance(answer, dict):
            raise self._failure("sent a message whose head is no object")
        return answer, self._exactly(body)

    def _exactly(self, count: int) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None  # asked for above
        data = stdout.read(count)
        if len(data) < count:
            raise self._failure("ended before it answered")
        return data

    def _give_up(self) -> None:
        self._timed_out = True
        self._process.kill()

    def _failure(self, what: str) -> PeerError:
        try:
            code = self._process.wait(2)
        except subprocess.TimeoutExpired:
            code = None
        if self._timed_out:
            what = f"said nothing for {self._timeout:g} s and was ended"
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()[-5:]
        told = f"; its last words: {' | '.join(lines)}" if lines else ""
        return PeerError(f"{self.peer}: its process {what} (exit code {code}){told}")
