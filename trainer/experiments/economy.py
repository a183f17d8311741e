"""``python -m trainer experiments annotation-economy``: what corrections are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock, Timeout

from trainer import console
from trainer.checkpoint import load_model
from trainer.data.stills import find_stills
from trainer.data.video_sets import AnnotatedVideo, find_annotated_videos
from trainer.errors import RedError
from trainer.experiments.annotator import Arm, Project
from trainer.experiments.desk import Clip, Desk, people_of
from trainer.experiments.economy_report import economy_report
from trainer.experiments.economy_rounds import read_real, read_rounds
from trainer.experiments.economy_stills import real_people
from trainer.experiments.report import write_report
from trainer.experiments.sets import still_faces
from trainer.finetuning.job import fingerprint

ARMS = {
    arm.name: arm
    for arm in (
        Arm("queue", "queue, fine-tuned in all stages there is material for"),
        Arm("pinned", "queue, no fine-tuning: re-tracked only", tuned=False),
        Arm("interpolated", "queue, straight lines between", tuned=False, interpolated=True),
        Arm("evenly-pinned", "evenly chosen, no fine-tuning", chosen="evenly", tuned=False),
        Arm("evenly-interpolated", "evenly chosen, straight lines between", chosen="evenly",
            tuned=False, interpolated=True),
        Arm("stage-1", "queue, stage 1 only", clips=False),
        Arm("pairs", "two people, stages 1, 2, 3", people=2),
        Arm("nameless", "two people, names withheld: stages 1, 3", people=2, named=False),
        Arm("evenly", "evenly chosen, fine-tuned", chosen="evenly"),
        Arm("no-temporal", "two people, without the temporal stage: stages 1, 2", people=2,
            clips=False),
        Arm("pairs-stage-1", "two people, stage 1 only", people=2, clips=False, named=False),
    )
}  # fmt: skip
"""All ways of working, in the order in which they are done."""

OTHERS = 80
"""Faces of ytf/dev, evenly over all of them."""


@dataclass(frozen=True)
class Job:
    """One project to be worked through: whose, how, and in which rounds."""

    look: str
    people: tuple[str, ...]
    arm: Arm
    rounds: tuple[int, ...]

    @property
    def folder(self) -> Path:
        """Where it is kept, below the experiment's folder."""
        rounds = "-".join(map(str, self.rounds))
        return Path(self.look) / "projects" / self.arm.name / "+".join(self.people) / rounds


def annotation_economy(
    heads: Annotated[Path, typer.Option(help="Folder of rendered heads of the test split.")],
    data: Annotated[Path, typer.Option(help="Folder with ytf/dev in it.")],
    work: Annotated[Path, typer.Option(help="Kept for next time; a killed run goes on from it.")],
    look: Annotated[
        list[str] | None, typer.Option(help="NAME=DIR: the same people in another look.")
    ] = None,
    people: Annotated[int, typer.Option(help="The most people of a look.")] = 10,
    corrections: Annotated[
        list[int] | None, typer.Option(help="Corrected frames after each round: 5, 10, 20.")
    ] = None,
    curve: Annotated[
        int, typer.Option(help="People who go through all rounds; the rest through the last.")
    ] = 2,
    arms: Annotated[list[str] | None, typer.Option(help=f"Some of: {', '.join(ARMS)}.")] = None,
    looks: Annotated[list[str] | None, typer.Option(help="Only these of the looks.")] = None,
    real: Annotated[
        int, typer.Option(help="People of ytf/dev who are corrected together; 0 for none.")
    ] = 12,
    model: Annotated[str, typer.Option(help="A model's name or .safetensors file.")] = "red-lite",
    docs: Annotated[Path, typer.Option(help="Folder of results.md.")] = Path("docs"),
    only_report: Annotated[
        bool, typer.Option("--report", help="Only write the report of what is there.")
    ] = False,
) -> None:
    """How much work is left after 5, 10, 20 corrections, with and without learning from them.

    Several of these may run at once in one WORK: each takes what none has begun.
    """
    folders = {"normal": heads, **dict(_named(one) for one in look or ())}
    rounds = tuple(sorted(corrections or (5, 10, 20)))
    chosen = [_arm(name) for name in arms or ARMS]
    base = load_model(model, n_landmarks=68)
    folder = work / f"economy-{fingerprint(base.model)[:8]}"
    if not only_report:
        with console.errors.status("Reading faces") as status:
            stills = find_stills(data / "ytf" / "dev", shift=base.label_shift)
            others = still_faces(stills[:: max(len(stills) // OTHERS, 1)][:OTHERS], 68)
            videos = {
                name: people_of(find_annotated_videos(place))
                for name, place in folders.items()
                if not looks or name in looks
            }
            desk = {name: Desk(folder / name, model, others) for name in videos}
            for job in jobs(videos, chosen, people, rounds, curve):
                _do(job, videos[job.look], folder, desk[job.look], status.update)
            for named in (True, False) if real else ():
                status.update("Real people")
                place = folder / ("real" if named else "real-nameless")
                real_people(data / "ytf" / "dev", place, model, real, named=named)
    seen = "".join(f" --look {name}=DIR" for name in folders if name != "normal")
    command = (
        "python -m trainer experiments annotation-economy --heads HEADS"
        f"{seen} --data DATA --work WORK"
    )
    report = economy_report(read_rounds(folder), read_real(folder), ARMS, model, command)
    write_report(report, docs)
    console.errors.print(f"Done: {docs / 'results.md'}")


def jobs(
    videos: Mapping[str, Mapping[str, Sequence[AnnotatedVideo]]],
    arms: Sequence[Arm],
    people: int,
    rounds: tuple[int, ...],
    curve: int,
) -> Iterator[Job]:
    """All that is to be done, arm by arm, the last round at once before several rounds."""
    once = rounds[-1:]
    for arm in arms:
        for look, of_person in videos.items():
            names = list(of_person)[:people]
            groups = [
                tuple(names[n : n + arm.people])
                for n in range(0, len(names) - arm.people + 1, arm.people)
            ]
            yield from (Job(look, group, arm, once) for group in groups)
    for arm in arms:
        for look, of_person in videos.items():
            if len(rounds) > 1 and arm.people == 1:
                for name in list(of_person)[: min(curve, people)]:
                    yield Job(look, (name,), arm, rounds)


def _do(
    job: Job,
    videos: Mapping[str, Sequence[AnnotatedVideo]],
    folder: Path,
    desk: Desk,
    tell: Callable[[str], None],
) -> None:
    place = folder / job.folder
    place.mkdir(parents=True, exist_ok=True)
    if (place / f"{job.rounds[-1]:03d}" / "round.json").is_file():
        return
    try:
        with FileLock(place / "busy.lock", timeout=0):
            clips = {person: [Clip(video) for video in videos[person]] for person in job.people}
            Project(clips, job.arm, place).work(desk, job.rounds, tell)
    except Timeout:
        return  # another process is at it


def _named(text: str) -> tuple[str, Path]:
    name, equals, place = text.partition("=")
    if not equals or not name or not place:
        raise RedError(f"--look {text}: needed is NAME=DIR, as in --look drawn=heads/drawn")
    return name, Path(place)


def _arm(name: str) -> Arm:
    if name not in ARMS:
        raise RedError(f"--arms {name}: unknown; use some of {', '.join(ARMS)}")
    return ARMS[name]
