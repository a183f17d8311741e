"""``napari-red finetune`` and ``napari-red models``: better models from corrections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress as ProgressBar
from rich.table import Table

from napari_red.commands.arguments import ProjectArgument, existing
from napari_red.commands.bar import errors, progress_bar
from napari_red.core import model_store
from napari_red.core.improve import (
    Improvement,
    Improver,
    RoundLostError,
    material,
    trained_frames,
)
from napari_red.core.model_comparison import ModelComparison, cells, words
from napari_red.core.model_names import ModelNameError
from napari_red.core.model_words import COLUMNS, DAMAGED, cells_of
from napari_red.core.models import shipped_models
from napari_red.core.project import Project, ProjectError
from napari_red.core.push import PushSummary, push
from trainer.console import DeviceOption, MinutesOption, told

console = Console()


def finetune(
    project: ProjectArgument,
    device: DeviceOption = "auto",
    minutes: MinutesOption = None,
    push_to: Annotated[
        Path | None,
        typer.Option(help="Only write the set of frames into this folder, to train elsewhere."),
    ] = None,
    resume: Annotated[
        bool, typer.Option(help="Go on with a round that was broken off, if there is one.")
    ] = True,
) -> None:
    """Teach the model what was corrected; it is used from then on if it got better."""
    with told(), Project(existing(project)) as opened:
        console.print(material(opened).words)
        if push_to is not None:
            name, _ = model_store.current_file(opened)
            with progress_bar("Pushing") as report:
                trained = trained_frames(opened)
                summary = push(opened, push_to, parent=name, trained=trained, on_progress=report)
            _say_pushed(summary)
            return
        improver = Improver(opened)
        try:
            result = _round(improver, resume, device, minutes)
        except KeyboardInterrupt:
            improver.leave()
            going_on = "begins anew"
            if improver.interrupted():
                going_on = "goes on, --no-resume begins anew"
            console.print(f"Broken off; the same command {going_on}.")
            raise typer.Exit(130) from None
        console.print(result.message)
        if result.version is not None:
            console.print(
                f"{result.version.name} is used from now on; "
                f"'napari-red annotate {project} --again' lets it go over the videos."
            )


def models(
    project: ProjectArgument,
    use: Annotated[
        str | None,
        typer.Option(help="Use this model from now on, the project's or one that ships."),
    ] = None,
    export: Annotated[str | None, typer.Option(help="Write this model to --to.")] = None,
    to: Annotated[Path | None, typer.Option(help="File for --export.")] = None,
    add: Annotated[Path | None, typer.Option(help="Take a model file into the project.")] = None,
    name: Annotated[
        str | None, typer.Option(help="What --add calls it; as its file if left out.")
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="Measure them all on the frames set aside, by part, person."
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="For --compare: auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """List the models of a project, compare them, and choose among them."""
    with told():
        changes = use is not None or add is not None or compare
        with Project(existing(project), "write" if changes else "read") as opened:
            if add is not None:
                _add(opened, add, name or add.stem)
            if use is not None:
                ships = use in shipped_models()
                model_store.use(opened, use if ships else model_store.version_called(opened, use))
            if export is not None:
                if to is None:
                    raise ProjectError(f"{export}: say with --to which file it goes to")
                version = model_store.version_called(opened, export)
                model_store.export_model(opened, version, to)
            console.print(_table(opened))
            for version in model_store.versions(opened):
                if version.details.get("damaged"):
                    console.print(f"{version.name}: {DAMAGED}", highlight=False, markup=False)
            if compare:
                _compare(ModelComparison(opened, device))


def _add(project: Project, file: Path, name: str) -> None:
    try:
        model_store.add_model(project, file, name=name)
    except ModelNameError as error:
        raise ModelNameError(f"{error}, with --name") from error


def _round(improver: Improver, resume: bool, device: str, minutes: float | None) -> Improvement:
    """Go on with what was broken off, or push and train."""
    if resume and improver.interrupted():
        console.print(
            "Going on with the round that was broken off; corrections made since aren't in it, "
            "--no-resume begins anew with them …"
        )
        try:
            with _Rounds() as rounds:
                return improver.resume(rounds.show, device=device, minutes=minutes)
        except RoundLostError as lost:
            console.print(f"{lost}; it begins anew, with all corrections.", markup=False)
    with progress_bar("Pushing") as report:
        _say_pushed(improver.push(report))
    with _Rounds() as rounds:
        return improver.train(rounds.show, device=device, minutes=minutes)


class _Rounds:
    """A bar for the stages of a training, and a line for what is worth one."""

    def __enter__(self) -> _Rounds:
        self._bar = ProgressBar(console=errors, transient=True)
        self._bar.start()
        self._task = self._bar.add_task("Training", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, event: dict[str, Any]) -> None:
        """Show one event of the trainer."""
        kind = event["event"]
        if kind == "step":
            words = f"Stage {event['stage']} of 3, {event['seconds_left']:.0f} s left"
            self._bar.update(
                self._task, description=words, completed=event["step"], total=event["steps"]
            )
        elif kind == "start" and event.get("damaged"):
            console.print(event["message"], markup=False)
        elif kind == "skipped":
            console.print(f"Stage {event['stage']} left out: {event['message']}")
        elif kind == "stage" and event.get("longer"):
            console.print(f"{event['message'].capitalize()}.")
        elif kind == "eval" and "error_now" in event:
            console.print(
                f"Stage {event['stage']}, update {event['step']}: error on the frames set aside "
                f"{event['error_now']:.2f} % (before: {event['error_before']:.2f} %)"
            )


def _say_pushed(summary: PushSummary) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(summary.kinds.items()))
    console.print(f"Pushed: {kinds} faces, {summary.held_out} of them set aside.")
    for line in summary.notes:
        console.print(line)


def _compare(comparison: ModelComparison) -> None:
    with progress_bar("Comparing") as report:
        rows = comparison.run(report)
    headings, texts = cells(rows)
    table = Table(*headings, show_edge=False)
    for row in texts:
        table.add_row(*row)
    console.print(table)
    console.print(words(rows, comparison.notes), highlight=False, markup=False)


def _table(project: Project) -> Table:
    table = Table(*COLUMNS, show_edge=False)
    used = model_store.current(project)
    known = model_store.versions(project)
    for name in shipped_models():
        mark = "● " if name == model_store.current_name(project) else ""
        table.add_row(f"{mark}{name}", "ships", "", "", "", "")
    for version in known:
        name, *rest = cells_of(version, known)
        mark = "● " if used is not None and used.id == version.id else ""
        table.add_row(f"{mark}{name}", *rest)
    return table
