"""Erasing a person: asks whom, says what it does, does it, and says what is left to do."""

from __future__ import annotations

from collections.abc import Callable

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QInputDialog, QMessageBox, QWidget

from napari_red._qt.workbench import Workbench
from napari_red.core.erase import Erased, clear_traces, erase_person
from napari_red.core.project import Project
from napari_red.core.training_folder import is_running
from trainer.errors import RedError

WHAT = (
    "Every face called {name}, in every video of this project, is removed for good: its "
    "landmarks, corrections and name, in the history too. Frames pushed for training go as well, "
    "with a training that was broken off. This can't be undone.\n\n"
    "Exported files, copies of the project, the videos and models that were trained on them "
    "are not touched."
)


def erase(parent: QWidget, work: Workbench) -> str:
    """Ask, erase, and give a line on how it went; empty where it wasn't done."""
    project = work.shown_project
    people = [] if project is None else [one.name for one in project.identities()]
    traces = project is not None and project.database.traces_left
    if project is None or not (people or traces):
        return "Nobody has a name in this project, so there is nobody to erase."
    if any(job.busy for job in work.jobs.all):
        return "A job is running in this project; cancel it or let it end, then erase."
    try:
        project.database.check_writable()
        improved = is_running(project)
    except RedError as error:
        return _shown(error)
    if improved:
        return "The model is being improved in this project; cancel that or let it end, then erase."
    if traces:
        return _do(work, lambda: _cleared(project))
    current = _current(work)
    name, chosen = QInputDialog.getItem(
        parent,
        "Erase a person",
        "Whom?",
        people,
        people.index(current) if current in people else 0,
        False,
    )
    if not chosen or not _sure(parent, name):
        return ""
    return _do(work, lambda: said(erase_person(project, name)))


def _do(work: Workbench, act: Callable[[], str]) -> str:
    """Store what is on the screen, do it, and show what is there now, also where it failed
    halfway."""
    work.view.commit()
    try:
        return act()
    except RedError as error:
        return _shown(error)
    finally:
        work.reload()


def _shown(error: RedError) -> str:
    show_error(str(error))
    return str(error)


def _cleared(project: Project) -> str:
    clear_traces(project)
    return "What was erased before had left traces in the file; they are cleared now."


def said(erased: Erased) -> str:
    """What was erased, and what only the person at the keyboard can remove."""
    parts = [f"Erased: {erased.tracks} face{'s' * (erased.tracks != 1)}."]
    if erased.pushed:
        parts.append("The frames pushed for training are gone too.")
    if erased.still_named:
        parts.append(f"These videos' names still tell: {', '.join(erased.still_named)}.")
    if erased.copies:
        copies = ", ".join(str(path) for path in erased.copies)
        parts.append(f"Copies of an earlier version hold the person: delete {copies}.")
    if erased.trained:
        parts.append(f"These models may have learned from them: {', '.join(erased.trained)}.")
    return " ".join(parts)


def _current(work: Workbench) -> str:
    if work.session is None or work.face is None:
        return ""
    identity = work.session.tracks[work.face].identity
    return "" if identity is None else identity.name


def _sure(parent: QWidget, name: str) -> bool:
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.Cancel
    asked = QMessageBox.warning(parent, f"Erase {name}?", WHAT.format(name=name), yes | no, no)
    return asked == yes
