"""Re-track from here: a job, what it would change, and keep or drop."""

from __future__ import annotations

from collections.abc import Callable

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from napari_red._qt.panels.review import ReviewPanel
from napari_red._qt.tasks import known_model, run_aligner
from napari_red._qt.workbench import Workbench
from napari_red.core import proposal as proposals
from napari_red.core import retrack
from napari_red.core.aligner_process import AlignerProcess
from napari_red.core.jobs import ProgressCallback, ShouldStop
from napari_red.core.proposal import Direction, Proposal
from trainer.errors import RedError


class RetrackControl(QObject):
    """Follows the chosen face anew from the shown frame.

    Parameters
    ----------
    model : gives the model and the device that are chosen

    Signals
    -------
    proposed : Proposal that waits to be kept or dropped, or None. It is dropped too where its
        face isn't any more what it was when it was followed.
    failed : str, why it can't be done, and what to do
    """

    proposed = Signal(object)
    failed = Signal(str)

    def __init__(
        self, panel: ReviewPanel, work: Workbench, model: Callable[[], tuple[str, str]]
    ) -> None:
        super().__init__()
        self.panel, self.work, self._model = panel, work, model
        self.proposal: Proposal | None = None
        panel.retrack.connect(work.view.actions.retrack)
        work.view.actions.retrack_wanted.connect(self.start)
        panel.keep.clicked.connect(self.keep)
        panel.drop.clicked.connect(self.drop)
        work.videos_changed.connect(self._on_videos_changed)
        work.edited.connect(self._on_edited)
        self._session = work.session

    def start(self, direction: Direction) -> None:
        """Find out what would change; ``direction`` is forward, backward or both."""
        work, session = self.work, self.work.session
        model, device = self._model()
        if session is None or work.busy or not session.n_faces:
            return
        if work.face is None or session.read_only or not known_model(self.work, model):
            return
        self.drop()
        work.view.commit()
        frame, face = work.view.frame, work.face

        def use(
            aligner: AlignerProcess, report: ProgressCallback, should_stop: ShouldStop
        ) -> Proposal:
            return retrack.propose(
                session,
                aligner,
                frame,
                face,
                direction,
                report,
                should_stop,
                model=model,
                device=device,
            )

        run_aligner(work, (model, device), use, self._propose, message="following the face …")

    def keep(self) -> None:
        """Take what was found: one edit, which one undo takes back."""
        proposal, session = self.proposal, self.work.session
        self.drop()
        if proposal is None or session is None:
            return
        try:
            proposals.keep(session, proposal)
        except RedError as error:
            show_error(str(error))
            self.failed.emit(str(error))

    def drop(self) -> None:
        """Leave everything as it was."""
        if self.proposal is not None:
            self.proposal = None
            self.panel.propose("")
            self.proposed.emit(None)

    def _propose(self, proposal: Proposal) -> str:
        if not stretches(proposal):
            return f"Nothing would change: {proposal.words}."
        session = self.work.session
        try:
            face = 0 if session is None else proposals.face_of(session, proposal)
        except RedError as error:
            return str(error)
        self.proposal = proposal
        self._ask(proposal, face)
        self.proposed.emit(proposal)
        return "Keep what was found, or drop it, under Review."

    def _ask(self, proposal: Proposal, face: int) -> None:
        self.panel.propose(f"Face {face + 1} anew: {proposal.words}.")

    def _on_edited(self, first: int, last: int) -> None:
        session, proposal = self.work.session, self.proposal
        if proposal is None or session is not self._session or session is None:
            return
        try:
            self._ask(proposal, proposals.face_of(session, proposal, (first, last)))
        except RedError as error:
            self.drop()
            self.failed.emit(str(error))

    def _on_videos_changed(self) -> None:
        if self.work.session is not self._session:
            self._session = self.work.session
            self.drop()


def stretches(proposal: Proposal | None) -> list[tuple[int, int]]:
    """First frames and ends of the stretches that a proposal would change."""
    found: list[tuple[int, int]] = []
    for one in () if proposal is None else proposal.frames:
        if one.kind not in ("new", "changed"):
            continue
        if found and found[-1][1] == one.frame:
            found[-1] = (found[-1][0], one.frame + 1)
        else:
            found.append((one.frame, one.frame + 1))
    return found
