"""The trainer's fine-tuning as a process of its own: its events come in, "stop" goes out.

The window never waits for it, cancelling works at once, and a crash there harms nothing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from napari_red.core.aligner_process import LOW_PRIORITY
from napari_red.core.jobs import StopWork
from trainer.errors import RedError

GRACE_S = 5.0
"""Seconds a cancelled training has to clean up before it is killed."""


class FinetuneProcessError(RedError):
    """Fine-tuning reported an error, or ended without a word."""


class FinetuneRefusedError(FinetuneProcessError):
    """Fine-tuning reported an error.

    Attributes
    ----------
    lasting : whether the same run will fail so again
    """

    def __init__(self, message: str, *, lasting: bool) -> None:
        super().__init__(message)
        self.lasting = lasting


class FinetuneProcess:
    """``python -m trainer finetune`` behind pipes.

    Parameters
    ----------
    pushed : folder of the pushed set
    base : name or file of the model to start from
    out : folder for the result; an unfinished run in it goes on
    device : auto, cpu, cuda or mps
    threads : by default all cores but one, which the window needs
    minutes : the most it may take, by default what the trainer thinks right
    """

    def __init__(
        self,
        pushed: Path,
        base: str,
        out: Path,
        *,
        device: str = "auto",
        threads: int | None = None,
        minutes: float | None = None,
    ) -> None:
        threads = threads or max((os.cpu_count() or 2) - 1, 1)
        command = [sys.executable, "-m", "trainer", "finetune", str(pushed), "--base", base]
        command += ["--out", str(out), "--progress", "json", "--device", device]
        command += ["--threads", str(threads)]
        if minutes is not None:
            command += ["--minutes", str(minutes)]
        self._command: Sequence[str] = command
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[str] | None = None
        self._cancelled = self._killed = False

    def events(self) -> Iterator[dict[str, Any]]:
        """Start it, and yield what it says until it ends; see docs/finetune.md.

        Raises
        ------
        FinetuneProcessError
            If it failed, was killed, or ran out of memory; says what happened.
        FinetuneRefusedError
            If it reported an error.
        StopWork
            After :meth:`cancel`, and after :meth:`kill` where it hadn't begun.
        """
        self._log = tempfile.TemporaryFile(  # noqa: SIM115 - lives as long as the process
            "w+", encoding="utf-8", errors="replace"
        )
        self._process = process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            encoding="utf-8",
            creationflags=LOW_PRIORITY,
        )
        if self._killed or self._cancelled:  # by another thread, before there was a process
            self.kill()
            raise StopWork
        ended = False
        assert process.stdout is not None
        try:
            for line in process.stdout:
                event = _parsed(line)
                if event is None:
                    continue
                if event["event"] == "error":
                    message = event.get("message", "fine-tuning failed")
                    raise FinetuneRefusedError(message, lasting=bool(event.get("lasting")))
                ended = ended or event["event"] == "done"
                yield event
            code = process.wait()
            if self._cancelled:
                raise StopWork
            if not ended:
                raise FinetuneProcessError(self._what_happened(code))
        finally:
            self.kill()

    def stop_early(self) -> None:
        """Keep the best so far and go on to the gate."""
        self._say("stop")

    def cancel(self) -> None:
        """Stop at once and leave nothing behind; :meth:`events` then raises StopWork."""
        self._cancelled = True
        self._say("cancel")
        process = self._process
        if process is not None and process.poll() is None:
            with suppress(OSError):
                process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would: what it had saved stays, and can be gone on from."""
        self._killed = True
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            if self._cancelled:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(GRACE_S)
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _say(self, word: str) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError, ValueError):  # it has ended
                process.stdin.write(word + "\n")
                process.stdin.flush()

    def _what_happened(self, code: int) -> str:
        said: list[str] = []
        if self._log is not None:
            self._log.seek(0)
            said = self._log.read().strip().splitlines()
        if code in (-9, 137):
            why = "it was ended by the system, as happens when memory runs out"
        elif said:
            why = said[-1]
        else:
            why = f"it ended without a word, with code {code}"
        return (
            f"Fine-tuning broke off: {why}. The project and its models are as they were; "
            "start it again to go on where it was, with other programs closed if memory was short"
        )


def _parsed(line: str) -> dict[str, Any] | None:
    """An event; None for a line cut off or of something else."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
