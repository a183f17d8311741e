"""``python -m trainer experiments peers``: accuracy and steadiness beside other aligners."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from trainer import console
from trainer.errors import RedError

if TYPE_CHECKING:
    from trainer.checkpoint import LoadedModel
    from trainer.data.stills import Still
    from trainer.peers.clips import Everybody
    from trainer.peers.figures import Follow, Row

FACES_TO_LEARN = 160
"""Training faces per set for shifts and fixed offsets, evenly over all of it."""

HEADS, HEAD_FRAMES = 10, 50
"""Test people, one clip each, and its first frames."""

HEADS_TO_LEARN, LEARN_FRAMES = 6, 20
CLIP_FRAMES = 60
"""First frames of each real clip."""

SEVERAL = {"short_hamilton_clip": 4}
"""Real clips that show more than one face, and how many are looked for."""

Tell = Callable[[str], None]


def peers(
    data: Annotated[
        Path | None, typer.Option(help="Folder with ytf/, helen/, afw/ and videos/.")
    ] = None,
    heads: Annotated[
        Path | None, typer.Option(help="Folder of rendered heads: train/ and test/, 300-VW layout.")
    ] = None,
    peers: Annotated[
        Path | None, typer.Option(help="Environment made by `trainer peers`; or NAPARI_RED_PEERS.")
    ] = None,
    model: Annotated[str, typer.Option(help="A model's name or .safetensors file.")] = "red-lite",
    docs: Annotated[Path, typer.Option(help="Folder of results.md.")] = Path("docs"),
    limit: Annotated[
        int | None, typer.Option(min=3, help="At most so many faces a set, and frames a clip.")
    ] = None,
    lost: Annotated[
        Path | None,
        typer.Option(help="Draw the faces that others find in real videos and ours lacks here."),
    ] = None,
) -> None:
    """Compare with mediapipe, dlib and OpenCV: the same boxes, the same videos, one run."""
    from trainer.alignment import SequentialAligner
    from trainer.checkpoint import load_model
    from trainer.experiments.report import write_report
    from trainer.peers.clips import Everybody
    from trainer.peers.environment import available, peers_folder

    if data is None and heads is None:
        raise RedError("nothing to compare on; give --data, --heads or both")
    folder = peers_folder(peers)
    versions, missing = available(folder)
    for name, why in missing.items():
        console.errors.print(f"{name} left out: {why}", markup=False)
    loaded = load_model(model, n_landmarks=68)
    about = {"model": loaded.name, "versions": versions, "missing": missing}
    command = "python -m trainer " + shlex.join(sys.argv[1:])
    with console.errors.status("Comparing") as status:
        if data is not None and (data / "ytf").is_dir():
            rows = compare_stills(data, loaded, list(versions), folder, limit, status.update)
            from trainer.peers.reports import stills_report

            write_report(stills_report(rows, about, command), docs)
        aligner = SequentialAligner(loaded, device="cpu")
        with Everybody(aligner, list(versions), folder) as everybody:
            if heads is not None:
                _heads(heads, everybody, limit, status.update, about, command, docs)
            if data is not None and (data / "videos").is_dir():
                _real(data / "videos", everybody, limit, status.update, about, command, docs, lost)
    console.errors.print(f"Done: {docs / 'results.md'}")


def compare_stills(
    data: Path,
    loaded: LoadedModel,
    names: Sequence[str],
    folder: Path | None,
    limit: int | None,
    tell: Tell,
) -> list[Row]:
    """Claim 5 on every set of stills that is there: rows of figures.still_rows."""
    from trainer.detection import default_detector
    from trainer.label_shift import learn_label_shift
    from trainer.peers.figures import still_rows
    from trainer.peers.offset import learn_offset
    from trainer.peers.stills import align_all, load_set, spread

    rows: list[Row] = []
    learn = FACES_TO_LEARN if limit is None else min(FACES_TO_LEARN, limit)
    for title, measured, training in _sets(data):
        known = load_set(spread(training, learn))
        answers = align_all(
            loaded, names, folder, known, "truth", partial(_told, tell, f"{title}, offset")
        )
        shifts, offsets = {}, {}
        for name, points in answers.items():
            shift = learn_label_shift(points, known.truth)
            shifts[name] = np.zeros(2, np.float32) if shift is None else shift
            offsets[name] = learn_offset(points + shifts[name], known.truth)
        test = load_set(spread(measured, limit), detector=default_detector())
        for box in test.boxes:
            answers = align_all(loaded, names, folder, test, box, partial(_told, tell, title))
            found = still_rows(answers, test.truth, test.groups, shifts, offsets)
            rows += [{"set": title, "box": box, **row} for row in found]
    return rows


def _told(tell: Tell, what: str, name: str) -> None:
    tell(f"{what}: {name}")


def _sets(data: Path) -> list[tuple[str, list[Still], list[Still]]]:
    """(title, faces to measure on, training faces) of the sets that are there."""
    import trainer.data
    from trainer.data.stills import find_stills, read_names

    sets = [
        ("YouTube Faces, people set aside", find_stills(data / "ytf/dev"),
         find_stills(data / "ytf/train"))
    ]  # fmt: skip
    photos = [data / "helen/trainset", data / "afw"]
    if all(folder.is_dir() for folder in photos):
        aside = read_names(Path(trainer.data.__path__[0], "set_aside.txt"))
        everything = [still for folder in photos for still in find_stills(folder)]
        measured = [still for still in everything if still.group in aside]
        training = [still for still in everything if still.group not in aside]
        if measured and training:
            sets.append(("Helen and AFW, photos set aside", measured, training))
    return sets


def follow_annotated(
    folder: Path, people: int, frames: int, everybody: Everybody, tell: Tell
) -> list[Follow]:
    """Everybody on annotated clips, one a person."""
    from trainer.peers.clips import annotated_clips, one_face
    from trainer.peers.figures import Follow

    runs = []
    for clip in annotated_clips(folder, people, frames):
        assert clip.truth is not None  # annotated
        found = everybody.follow(clip, tell)
        answers = {name: one_face(faces, clip.truth) for name, faces in found.items()}
        clip.pictures = []  # they are large and nobody needs them any more
        runs.append(Follow(clip, clip.truth, answers))
    return runs


def _heads(
    folder: Path,
    everybody: Everybody,
    limit: int | None,
    tell: Tell,
    about: dict[str, Any],
    command: str,
    docs: Path,
) -> None:
    from trainer.experiments.report import write_report
    from trainer.peers.figures import video_rows
    from trainer.peers.offset import learn_offset
    from trainer.peers.reports import heads_report

    def most(frames: int) -> int:
        return frames if limit is None else min(frames, limit)

    known = follow_annotated(folder / "train", HEADS_TO_LEARN, most(LEARN_FRAMES), everybody, tell)
    truth = np.concatenate([run.truth for run in known])
    offsets = {
        name: learn_offset(np.concatenate([run.answers[name] for run in known]), truth)
        for name in everybody.names
    }
    runs = follow_annotated(folder / "test", HEADS, most(HEAD_FRAMES), everybody, tell)
    rows = video_rows(runs, offsets)
    report = heads_report(rows, everybody.titles(), {**about, "clips": len(runs)}, command)
    write_report(report, docs)


def _real(
    folder: Path,
    everybody: Everybody,
    limit: int | None,
    tell: Tell,
    about: dict[str, Any],
    command: str,
    docs: Path,
    lost: Path | None,
) -> None:
    from trainer.experiments.report import write_report
    from trainer.peers.clips import real_clips
    from trainer.peers.figures import clip_rows
    from trainer.peers.lost import draw_lost
    from trainer.peers.reports import clips_report

    frames = CLIP_FRAMES if limit is None else min(CLIP_FRAMES, limit)
    runs = []
    for clip in real_clips(folder, frames, SEVERAL):
        runs.append((clip, everybody.follow(clip, tell)))
        if lost is not None:
            draw_lost(*runs[-1], lost)
        clip.pictures = []  # as above
    rows, by_clip = clip_rows(runs)
    write_report(clips_report(rows, by_clip, everybody.titles(), about, command), docs)
