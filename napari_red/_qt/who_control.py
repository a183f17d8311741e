"""Who a face may be: asks the model, and offers the name with its score."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Signal

from napari_red._qt.panels.faces import FacesPanel
from napari_red._qt.tasks import known_model, run_aligner
from napari_red._qt.workbench import Workbench
from napari_red.core.aligner_process import AlignerProcess
from napari_red.core.identify import Identifier, Suggestion
from napari_red.core.jobs import ProgressCallback, ShouldStop
from napari_red.core.project import Project


class WhoControl(QObject):
    """Joins the question "who is this?" of the Faces panel to the workbench.

    Parameters
    ----------
    model : gives the model and the device that are chosen

    Signals
    -------
    failed : str, why it can't be asked, and what to do
    """

    failed = Signal(str)

    def __init__(
        self, panel: FacesPanel, work: Workbench, model: Callable[[], tuple[str, str]]
    ) -> None:
        super().__init__()
        self.panel, self.work, self._model = panel, work, model
        self._identifier: tuple[str, Identifier] | None = None
        panel.who.clicked.connect(lambda: self.ask())
        work.face_changed.connect(lambda: panel.suggest("", 0, ""))
        work.tracks_changed.connect(lambda: panel.suggest("", 0, ""))

    def ask(self) -> None:
        """Compare the chosen face with the project's people."""
        work, session, project = self.work, self.work.session, self.work.shown_project
        model, device = self._model()
        if session is None or project is None or work.face is None or work.busy:
            return
        if not project.identities():
            self.failed.emit("Nobody has a name in this project yet: type the first one.")
            return
        if not known_model(self.work, model):
            return
        track = session.tracks[work.face]

        def use(
            aligner: AlignerProcess, report: ProgressCallback, should_stop: ShouldStop
        ) -> Suggestion | None:
            identifier = self._of(project, model, aligner)
            identifier.forget(track.id)
            return identifier.suggest(track.id, report, should_stop)

        run_aligner(work, (model, device), use, self._offer, message="looking at the face …")

    def _of(self, project: Project, model: str, aligner: AlignerProcess) -> Identifier:
        """What a model knows of a project's faces, also from the time before."""
        known = self._identifier
        if known is None or known[0] != model or known[1].project is not project:
            known = self._identifier = model, Identifier(project, aligner)
        known[1].looker = aligner
        return known[1]

    def _offer(self, found: Suggestion | None) -> str:
        if found is None:
            return "Nobody of this project is likely enough: type who it is."
        self.panel.suggest(found.name, found.score, found.words)
        return f"Probably {found.name}: {found.words}."
