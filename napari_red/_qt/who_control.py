"""Who a face may be: asks the model, and offers the name with its score."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Signal

from napari_red._qt.panels.faces import FacesPanel
from napari_red._qt.tasks import known_model
from napari_red._qt.workbench import Workbench
from napari_red.core.identify import Identifier, Suggestion
from napari_red.core.jobs import ProgressCallback, ShouldStop


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
        aligner = work.make_aligner(model, device)
        if self._identifier is None or self._identifier[0] != model:
            self._identifier = (model, Identifier(project, aligner))
        identifier = self._identifier[1]
        if identifier.project is not project:
            identifier = Identifier(project, aligner)
            self._identifier = (model, identifier)
        identifier.looker = aligner
        identifier.forget(track.id)

        def run(report: ProgressCallback, should_stop: ShouldStop) -> Suggestion | None:
            try:
                return identifier.suggest(track.id, report, should_stop)
            finally:
                aligner.close()

        work.runner.start(run, self._offer, message="looking at the face …", interrupt=aligner.stop)

    def _offer(self, found: Suggestion | None) -> str:
        if found is None:
            return "Nobody of this project is likely enough: type who it is."
        self.panel.suggest(found.name, found.score, found.words)
        return f"Probably {found.name}: {found.words}."
