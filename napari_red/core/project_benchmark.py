"""How the project file does with a very long video: a million frames, two faces.

``python -m napari_red.core.project_benchmark`` prints it. Only the project is measured:
the video is blank, and no window is open.
"""

from __future__ import annotations

import argparse
import gc
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.table import Table

from napari_red.core import cells, edits
from napari_red.core.blank_video import BlankVideo
from napari_red.core.chunks import CHUNK, Chunk
from napari_red.core.project import Project
from napari_red.core.records import Correction, Prediction
from napari_red.core.session import Session
from trainer.face_3d import FACE_3D

T = TypeVar("T")

FACES = 2
DIFFERENT = 8
"""Chunks that are really made for each face; they are used over and over."""


@dataclass(frozen=True)
class Result:
    """What was measured; times are medians and 95th percentiles in milliseconds.

    Attributes
    ----------
    open_s : a session of the project and its first frame, seconds
    open_history_s : the same, and what can be undone, with ``history`` steps
    accept_ms : everything up to a frame, three quarters into the video
    grown_mb : memory over ``steps`` steps and as many jumps
    """

    frames: int
    file_mb: float
    bytes_per_face: float
    made_s: float
    open_s: float
    step_ms: tuple[float, float]
    jump_ms: tuple[float, float]
    edit_ms: tuple[float, float]
    undo_ms: tuple[float, float]
    accept_ms: float
    accept_undo_ms: float
    counts_ms: float
    steps: int
    grown_mb: float
    history: int
    open_history_s: float


def measure(folder: Path, n_frames: int = 1_000_000, steps: int = 5000) -> Result:
    """Make a project in a folder and measure it.

    Parameters
    ----------
    n_frames : T
    steps : that are taken while memory is watched

    Raises
    ------
    ProjectError
        If the folder can't be written or is full: a million frames take about 400 MB.
    """
    path = folder / "long.red"
    (folder / "long.mp4").write_bytes(b"a blank video")
    video = BlankVideo(folder / "long.mp4", n_frames)
    made_s, _ = timed(lambda: fill(path, video))
    file_mb = path.stat().st_size / 1e6
    open_s, session = timed(lambda: opened(video, path))
    chance = np.random.default_rng(0)
    with session:
        step = [timed(partial(session.view, i))[0] for i in range(min(2000, n_frames))]
        jump = [timed(partial(session.view, i))[0] for i in some(chance, n_frames, 300)]
        places = some(chance, n_frames, 60)
        to = {30: (1.0, 2.0)}
        edit = [timed(partial(session.move, i, 0, to))[0] for i in places]
        undo = [timed(session.undo)[0] for _ in places]
        accept, _ = timed(lambda: edits.accept_up_to(session, 3 * n_frames // 4))
        count, _ = timed(lambda: edits.counts(session))
        accept_undo, _ = timed(session.undo)
        grown = growth(session, chance, steps)
    history = 50_000
    add_history(path, n_frames, history)
    open_history_s, session = timed(lambda: opened(video, path))
    session.close()
    return Result(
        n_frames,
        file_mb,
        file_mb * 1e6 / (n_frames * FACES),
        made_s,
        open_s,
        spread(step),
        spread(jump),
        spread(edit),
        spread(undo),
        accept * 1e3,
        accept_undo * 1e3,
        count * 1e3,
        steps,
        grown,
        history,
        open_history_s,
    )


def made_face(frame: int, face: int, noise: np.random.Generator) -> np.ndarray:
    """(68, 2) float32 landmarks of a face that sways and trembles by a third of a pixel."""
    x = 400 + 480 * face + 40 * np.sin(frame / 20)
    y = 330 + 20 * np.cos(frame / 15)
    still = FACE_3D[:, :2] * (14, -14) + (x, y)
    return (still + noise.normal(0, 0.3, still.shape)).astype(np.float32)


def fill(path: Path, video: BlankVideo) -> None:
    """Predictions for every frame of two faces, in one transaction."""
    with Session(video, path) as session:
        project, record = session.opened()
        run = session.start_run("made", "cpu")
        tracks = [project.add_track(record.id, face, 68).id for face in range(FACES)]
        values = [made_chunks(run, face) for face in range(FACES)]

        def work(db: sqlite3.Connection) -> None:
            for number in range(-(-video.n_frames // CHUNK)):
                for track, made in zip(tracks, values, strict=True):
                    cells.write(db, ("prediction", track, number), made[number % DIFFERENT])

        project.database.write(work)
        session.finish_run(run, "done")


def made_chunks(run: int, face: int) -> list[bytes | None]:
    """Values of prediction cells that follow each other."""
    noise = np.random.default_rng(face)
    before, values = None, []
    for number in range(DIFFERENT):
        chunk = Chunk.empty(68)
        for index in range(CHUNK):
            frame = number * CHUNK + index
            sure = noise.uniform(0.6, 1, 68).astype(np.float32)
            chunk.put(index, run, Prediction(frame, made_face(frame, face, noise), sure, 0.02))
        values.append(cells.prediction_value(chunk, before))
        before = chunk
    return values


def add_history(path: Path, n_frames: int, steps: int) -> None:
    """As many edits as a long-lived project has, written at once."""
    said = [Correction.empty(68) for _ in range(2)]
    said[0].landmarks[3] = 4
    said[1].landmarks[3] = 5
    values = [one.to_bytes() for one in said]

    def work(db: sqlite3.Connection) -> None:
        (last,) = db.execute("SELECT MAX(id) FROM steps").fetchone()
        db.executemany(
            "INSERT INTO steps VALUES (?, '2026', 'someone', 1, 'do', 'move', ?, ?, NULL)",
            ((last + i, i * 7 % n_frames, i * 7 % n_frames) for i in range(1, steps + 1)),
        )
        db.executemany(
            "INSERT INTO changes (step_id, kind, a, b, before, after)"
            " VALUES (?, 'correction', 1, ?, NULL, ?)",
            ((last + i, i * 7 % n_frames, values[i % 2]) for i in range(1, steps + 1)),
        )
        db.executemany(
            "INSERT OR REPLACE INTO corrections VALUES (1, ?, ?)",
            ((i * 7 % n_frames, values[i % 2]) for i in range(1, steps + 1)),
        )

    with Project(path) as project:
        project.database.write(work)


def opened(video: BlankVideo, path: Path) -> Session:
    """A session with its first frame looked at and its undo known."""
    session = Session(video, path)
    session.view(0)
    session.can_undo()
    return session


def growth(session: Session, chance: np.random.Generator, steps: int) -> float:
    """MB that the process grew by while stepping and jumping."""
    session.view(0)
    gc.collect()
    before = memory_mb()
    start = int(chance.integers(max(session.n_frames - steps, 1)))
    for number, frame in enumerate(some(chance, session.n_frames, steps)):
        session.view(min(start + number, session.n_frames - 1))
        session.view(frame)
    gc.collect()
    return memory_mb() - before


def memory_mb() -> float:
    """Memory the process holds now; NaN where the system doesn't tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * 4096 / 1e6


def some(chance: np.random.Generator, n_frames: int, count: int) -> list[int]:
    """Frames by chance."""
    return [int(frame) for frame in chance.integers(n_frames, size=count)]


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds it takes, and what it gives."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def spread(seconds: Sequence[float]) -> tuple[float, float]:
    """Median and 95th percentile in milliseconds."""
    return float(np.median(seconds)) * 1e3, float(np.quantile(seconds, 0.95)) * 1e3


def table(result: Result) -> Table:
    """To be printed."""
    made = Table(title=f"{result.frames:,} frames, {FACES} faces")
    made.add_column("")
    made.add_column("median", justify="right")
    made.add_column("95 %", justify="right")
    for name, pair in (
        ("next frame, ms", result.step_ms),
        ("jump to any frame, ms", result.jump_ms),
        ("move a landmark, ms", result.edit_ms),
        ("undo, ms", result.undo_ms),
    ):
        made.add_row(name, *(f"{value:.2f}" for value in pair))
    for name, text in (
        ("open, s", f"{result.open_s:.2f}"),
        (f"open with {result.history:,} edits, s", f"{result.open_history_s:.2f}"),
        ("accept up to three quarters, ms", f"{result.accept_ms:.0f}"),
        ("undo that, ms", f"{result.accept_undo_ms:.0f}"),
        ("count what is accepted, ms", f"{result.counts_ms:.1f}"),
        (f"memory grown over {2 * result.steps:,} turns, MB", f"{result.grown_mb:.1f}"),
        ("file, MB", f"{result.file_mb:.0f}"),
        ("bytes a face and frame", f"{result.bytes_per_face:.0f}"),
    ):
        made.add_row(name, text)
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        "python -m napari_red.core.project_benchmark", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--frames", type=int, default=1_000_000, help="of the made video")
    parser.add_argument("--steps", type=int, default=5000, help="that memory is watched over")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options.frames, options.steps)
    Console().print(table(result))
    if options.json:
        options.json.write_text(json.dumps(asdict(result), indent=1))


if __name__ == "__main__":
    main()
