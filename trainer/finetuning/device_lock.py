"""One training at a time on one device, also between programs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from trainer.errors import RedError


class DeviceBusyError(RedError):
    """Another training holds the device."""


@contextmanager
def device_lock(device: torch.device, purpose: str, folder: Path | None = None) -> Iterator[None]:
    """Hold a device for training inside the block; the system frees it if the process dies.

    Parameters
    ----------
    device : cpu, cuda with its number, or mps
    purpose : what for, in a few words; said to whoever wants the device meanwhile
    folder : of the lock files; the user's cache folder if None

    Raises
    ------
    DeviceBusyError
        If another process, or another block of this one, holds it.
    """
    folder = folder or user_cache_path("napari-red") / "training"
    name = f"{device.type}-{device.index or 0}" if device.type != "cpu" else "cpu"
    # Beside the lock, since a locked file can't be read on every system.
    note = folder / f"{name}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{name}.lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise DeviceBusyError(
            f"{device}: {_holder(note)} trains on it; wait for its end or stop it, "
            "two at once would both take more than twice as long"
        ) from None
    except OSError as error:
        raise DeviceBusyError(
            f"{folder}: the lock file can't be written ({error.strerror}); make the folder writable"
        ) from error
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        note.write_text(json.dumps({"pid": os.getpid(), "purpose": purpose, "since": since}))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _holder(note: Path) -> str:
    try:
        values = json.loads(note.read_text())
        return f"process {values['pid']} ({values['purpose']}, since {values['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
