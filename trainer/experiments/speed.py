"""``python -m trainer experiments speed``: milliseconds and memory beside other aligners."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from trainer import console
from trainer.errors import RedError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from trainer.experiments.report import Report
    from trainer.peers.clips import Mode
    from trainer.peers.environment import Peer

OURS = "ours"
Row = dict[str, Any]


def speed(
    video: Annotated[
        Path | None, typer.Option(help="Video; the sample that ships if none.")
    ] = None,
    peers: Annotated[
        Path | None, typer.Option(help="Environment made by `trainer peers`; or NAPARI_RED_PEERS.")
    ] = None,
    model: Annotated[str, typer.Option(help="A model's name or .safetensors file.")] = "red-lite",
    docs: Annotated[Path, typer.Option(help="Folder of results.md.")] = Path("docs"),
    frames: Annotated[int, typer.Option(min=10, help="First frames of the video.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="Times everybody is measured.")] = 3,
) -> None:
    """Milliseconds a frame, parameters and memory beside mediapipe, dlib and OpenCV (claim 6)."""
    from trainer.checkpoint import WEIGHTS_FOLDER
    from trainer.experiments.report import write_report
    from trainer.peers.environment import available, peers_folder

    folder = peers_folder(peers)
    versions, missing = available(folder)
    path = video or sample()
    shipped = WEIGHTS_FOLDER / f"{model}.safetensors"
    weights = Path(model) if model.endswith(".safetensors") else shipped
    with console.errors.status("Measuring") as status:
        rows = measure_all(path, model, list(versions), folder, frames, rounds, status.update)
    for row in rows:
        if row["aligner"] == OURS:
            row["model_bytes"] = weights.stat().st_size
    about = {
        "model": weights.stem,
        "video": path.name,
        "frames": frames,
        "rounds": rounds,
        "cores": _cores(),
        "versions": versions,
        "missing": missing,
    }
    command = "python -m trainer " + shlex.join(sys.argv[1:])
    write_report(speed_report(rows, about, command), docs)
    console.errors.print(f"Done: {docs / 'results.md'}")


def measure_all(
    video: Path,
    model: str,
    names: Sequence[str],
    folder: Path | None,
    frames: int,
    rounds: int,
    tell: Callable[[str], None],
) -> list[Row]:
    """Everybody in turn, ``rounds`` times over, on one core and on all of them."""
    from trainer.data.video import open_video
    from trainer.peers.clips import MODES
    from trainer.peers.environment import PEERS

    with open_video(video) as source:
        pictures = [picture for _, picture in source.frames(0, frames)]
    modes = [mode for mode in MODES if mode.peer in names]
    peers = {peer.name: peer for peer in PEERS}
    rows: list[Row] = []
    for name in (OURS, *(mode.name for mode in modes)):
        rows += [{"aligner": name, "cores": cores, "rounds": []} for cores in sorted({1, _cores()})]
    for turn in range(rounds):
        for row in rows:
            tell(f"round {turn + 1}: {row['aligner']}, {row['cores']} cores")
            if row["aligner"] == OURS:
                row["rounds"].append(_time_ours(video, model, frames, row["cores"]))
                continue
            assert folder is not None  # a peer runs only from there
            mode = next(m for m in modes if m.name == row["aligner"])
            peer = peers[mode.peer]
            row["rounds"].append(_time_peer(folder, peer, mode, pictures, row["cores"]))
            row["parameters"] = peer.parameters
            row["model_bytes"] = model_bytes(folder, peer)
            row["title"] = mode.title
    for row in rows:
        _sum_up(row)
    return rows


def _sum_up(row: Row) -> None:
    from trainer.experiments.report import interval

    for key in ("landmarks_ms", "whole_ms"):
        values = [one[key] for one in row["rounds"]]
        row[key], row[f"{key}_interval"] = float(np.mean(values)), interval(values)
    peaks = [one["peak_rss"] for one in row["rounds"] if one["peak_rss"] is not None]
    row["peak_rss"] = max(peaks) if peaks else None
    row["faces"] = row["rounds"][-1]["faces"]
    if row["aligner"] == OURS:
        first = row["rounds"][0]
        row["title"] = f"ours, tracking ({first['precision']})"
        row["parameters"] = f"{first['parameters'] / 1e6:.1f} M"


def _time_peer(
    folder: Path, peer: Peer, mode: Mode, pictures: Sequence[np.ndarray], cores: int
) -> Row:
    from trainer.peers.environment import start
    from trainer.peers.ours import WARM_UP

    # The faces are large: the detectors needn't look at twice the size.
    with start(
        folder, peer, mode.mode, settings={"upsample": 0},
        environment=_threads(cores), cores=_which(cores),
    ) as process:  # fmt: skip
        for picture in pictures[:WARM_UP]:
            process.align(picture)
        process.reset()
        answers = [process.align(picture) for picture in pictures]
        peak = process.peak_memory()
    landmarks = sum(answer.seconds["landmarks"] for answer in answers)
    detect = sum(answer.seconds["detect"] for answer in answers)
    return {
        "landmarks_ms": 1000 * landmarks / len(answers),
        "whole_ms": 1000 * (landmarks + detect) / len(answers),
        "faces": sum(len(answer.landmarks) > 0 for answer in answers),
        "peak_rss": peak,
    }


def _time_ours(video: Path, model: str, frames: int, cores: int) -> Row:
    arguments = [str(video), "--model", model, "--frames", str(frames), "--threads", str(cores)]
    command = [sys.executable, "-m", "trainer.peers.ours", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **_threads(cores)},
    )  # fmt: skip
    which = _which(cores)
    if which is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, which)
    out, errors = process.communicate()
    if process.returncode:
        last = (errors.strip().splitlines() or ["it said nothing"])[-1]
        raise RedError(f"ours: its process ended with code {process.returncode}: {last}")
    return json.loads(out)


def _threads(cores: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return dict.fromkeys(names, str(cores))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _which(cores: int) -> set[int] | None:
    """One core where the system lets us say so: not every peer can be told its threads."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    return set(sorted(os.sched_getaffinity(0))[-cores:])


def model_bytes(folder: Path, peer: Peer) -> int | None:
    """Size of the files of a peer's landmark model; None where they aren't found."""
    places = [*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")]
    for place in places:
        files = [place / name for name in peer.model_files]
        if files and all(file.is_file() for file in files):
            return sum(file.stat().st_size for file in files)
    return None


def sample() -> Path:
    """The clip that ships with the plugin, found without importing it."""
    spec = find_spec("napari_red")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for clip in sorted(Path(folder, "sample").glob("*.mp4")):
            return clip
    raise RedError("no sample clip ships with this copy; give one with --video")


def speed_report(rows: Sequence[Row], about: dict[str, Any], command: str) -> Report:
    """Claim 6."""
    from trainer.experiments.report import Report
    from trainer.peers.reports import plain

    fastest = {
        cores: min(
            (r["whole_ms"] for r in rows if r["cores"] == cores and r["aligner"] != OURS),
            default=None,
        )
        for cores in {row["cores"] for row in rows}
    }
    table = []
    for row in rows:
        least = fastest[row["cores"]]
        table.append(
            [
                row["title"],
                str(row["cores"]),
                _with(row["landmarks_ms"], row["landmarks_ms_interval"]),
                _with(row["whole_ms"], row["whole_ms_interval"]),
                "-" if least is None else f"{row['whole_ms'] / least:.1f}",
                row["parameters"],
                _megabytes(row["model_bytes"]),
                _megabytes(row["peak_rss"]),
                f"{row['faces']} of {about['frames']}",
            ]
        )
    ran = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    left = "; ".join(f"{name} ({why})" for name, why in about["missing"].items())
    return Report(
        "speed",
        "Speed and memory beside other aligners (claim 6)",
        "The paper's network takes about 30 ms a frame on a Tesla K40; here on a CPU, beside "
        "other aligners on the same video in the same run.",
        _answer(rows, fastest),
        ["aligner", "cores", "landmark step, ms", "whole, ms", "whole / fastest other",
         "parameters", "model file, MB", "peak memory, MB", "frames with a face"],
        table,
        [
            f"{about['video']}, {about['frames']} frames in memory, {about['rounds']} rounds in "
            "turn; [ ] are 95 % Student intervals over the rounds.",
            "Whole: detection, tracking and landmarks, without decoding; the landmark step is "
            "the network alone. mediapipe doesn't tell its parts apart: both columns hold its "
            "whole. dlib's and OpenCV's tracking is a box from the last landmarks, and a look of "
            "the detector every tenth frame.",
            "One core: the process may use a single one; all cores: as many threads as "
            "there are. Peak memory is the process's, runtime libraries included (ours has "
            "PyTorch), without the video's frames.",
            "Figures of one machine, with whatever else it did: only the ratios travel.",
            f"Ours: {about['model']}. Others: {ran or 'none'}. Left out: {left or 'none'}.",
        ],
        command,
        {**about, "rows": [plain(row) for row in rows]},
        _figure(rows),
    )  # fmt: skip


def _answer(rows: Sequence[Row], fastest: dict[int, float | None]) -> str:
    told = []
    for row in rows:
        if row["aligner"] != OURS:
            continue
        least = fastest[row["cores"]]
        beside = "" if least is None else f", {row['whole_ms'] / least:.1f} times the fastest other"
        below = "below" if row["whole_ms"] < 30 else "above"
        cores = "one core" if row["cores"] == 1 else f"{row['cores']} cores"
        told.append(f"{row['whole_ms']:.1f} ms on {cores} ({below} 30 ms{beside})")
    return f"A frame takes ours {'; '.join(dict.fromkeys(told))}."


def _figure(rows: Sequence[Row]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    labels = [f"{row['title']}, {row['cores']} core{'s' * (row['cores'] > 1)}" for row in rows]
    at = np.arange(len(rows))[::-1]
    left.barh(at, [row["whole_ms"] for row in rows], color="0.75", label="whole")
    left.barh(at, [row["landmarks_ms"] for row in rows], 0.4, color="C0", label="landmark step")
    left.axvline(30, color="C3", linestyle=":", label="30 ms")
    left.set_yticks(at, labels, fontsize=8)
    left.set_xlabel("ms a frame")
    left.legend(fontsize=8)
    right.barh(at, [(row["peak_rss"] or 0) / 1e6 for row in rows], color="0.75")
    right.set_yticks(at, [""] * len(rows))
    right.set_xlabel("peak memory, MB")
    for axis in (left, right):
        axis.grid(axis="x", alpha=0.3)
    return figure


def _with(value: float, ends: Sequence[float]) -> str:
    if not np.isfinite(ends).all():
        return f"{value:.1f}"
    return f"{value:.1f} [{max(ends[0], 0):.1f}, {ends[1]:.1f}]"


def _megabytes(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e6:.1f}"
