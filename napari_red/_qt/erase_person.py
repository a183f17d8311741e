"""Erasing a person: asks whom, says what it does, does it, and says what is left to do."""

from __future__ import annotations

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QInputDialog, QMessageBox, QWidget

from napari_red._qt.workbench import Workbench
from napari_red.core.erase import Erased, erase_person
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
    if project is None or not people:
        return "Nobody has a name in this project, so there is nobody to erase."
    if any(job.busy for job in work.jobs.all):
        return "A job is running in this project; cancel it or let it end, then erase."
    if is_running(project):
        return "The model is being improved in this project; cancel that or let it end, then erase."
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
    work.view.commit()
    try:
        erased = erase_person(project, name)
    except RedError as error:
        show_error(str(error))
        return str(error)
    work.reload()
    return said(erased)


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
