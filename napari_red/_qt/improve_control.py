"""What the buttons of the Improve panel do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import QObject, QUrl, Signal
from qtpy.QtGui import QDesktopServices

from napari_red._qt.improving import Improving
from napari_red._qt.models_dialog import ModelsDialog
from napari_red._qt.panels.improve import ImprovePanel
from napari_red._qt.workbench import Workbench
from napari_red.core import model_store
from napari_red.core.changes import changes_since, snapshot
from napari_red.core.improve import Improvement, Material, material
from napari_red.core.jobs import ProgressCallback, ShouldStop
from napari_red.core.models import DEFAULT_MODEL, shipped_models
from napari_red.core.prealign import Settings
from napari_red.core.project import Project
from napari_red.core.session import Session
from napari_red.core.session_pool import PooledBatch
from trainer.errors import RedError

WAIT_MS = 300
"""After an edit, so long until what there is to learn from is counted anew."""


class ImproveControl(QObject):
    """Joins the panel to the project that is shown.

    Parameters
    ----------
    panel : what is pressed and shown
    improving : the training beside the window
    work : the project and the open video
    settings : what to look for in videos, and with which model

    Signals
    -------
    failed : str, what went wrong and what to do
    models_changed : the project has other models, or uses another one
    video_told : VideoState, how a video stands while it is re-annotated
    """

    failed = Signal(str)
    models_changed = Signal()
    video_told = Signal(object)

    def __init__(
        self,
        panel: ImprovePanel,
        improving: Improving,
        work: Workbench,
        settings: Callable[[], Settings],
    ) -> None:
        super().__init__()
        self.panel, self.improving, self.work, self._settings = panel, improving, work, settings
        panel.start_wanted.connect(self.start)
        panel.anew_wanted.connect(lambda: self.start(anew=True))
        panel.models_wanted.connect(self.show_models)
        panel.reannotate_wanted.connect(self.reannotate)
        panel.look_wanted.connect(self._look)
        improving.ended.connect(self._on_ended)
        work.videos_changed.connect(self.refresh)
        work.edited.connect(self.ask)
        self._shown: Project | None = None
        self._unsaved: Session | None = None
        self._file = ""

    def refresh(self) -> None:
        """Another project may be shown, or its models are others."""
        self._follow()
        self.ask()

    def ask(self, *_: object) -> None:
        """Count anew what there is to learn from."""

        def prepare() -> Callable[[], Material] | None:
            project = self._follow()  # its file is made at the first change
            if project is None:
                self.panel.show_state("", None)
                return None
            return lambda: material(project)

        self.work.background.ask("material", prepare, self._on_material, WAIT_MS)

    def _follow(self) -> Project | None:
        work = self.work
        project, made = work.shown_project, False
        if project is None:
            self._unsaved = work.session
        else:
            made = work.session is not None and work.session is self._unsaved
            self._unsaved = None
        if project is not self._shown:
            self._shown, self._file = project, ""
            if project is not None and made:
                self._remember(project, self._settings().model)
            self.improving.set_project(project)
            self.models_changed.emit()
        return project

    def start(self, *, anew: bool = False) -> None:
        """Push what is corrected and train on it, or go on with what was broken off unless
        ``anew``. Where that can't be gone on with, it begins anew, from the chosen model."""
        self.work.view.commit()
        try:
            project = self.work.need_project()
        except RedError as error:
            self.failed.emit(str(error))
            return
        if project is None:
            return
        self.improving.set_project(project)
        device = self._settings().device
        if self.improving.interrupted and not anew:
            self.improving.resume(device, lambda: self._takes_chosen(project))
        elif self._takes_chosen(project):
            self.improving.start(device)

    def _takes_chosen(self, project: Project) -> bool:
        """The model that is chosen in the dock is the project's from now on, also one from a
        file: what is improved is kept in the project. False, and said, where that can't be."""
        model = self._settings().model
        if _is_known(project, model):
            return self._remember(project, model)
        try:
            model_store.use(project, model_store.take_in(project, model))
        except RedError as error:
            self.failed.emit(str(error))
            return False
        self._file = ""
        self.models_changed.emit()
        return True

    def show_models(self) -> None:
        """Compare, choose and name the models of the project."""
        project = self.work.shown_project
        if project is not None:
            dialog = ModelsDialog(project, self._use_another, self.panel.window())
            dialog.show()

    def reannotate(self) -> None:
        """Let the model go over all videos; what a person corrected or accepted stays."""
        work = self.work
        try:
            project = work.need_project()
        except RedError as error:
            self.failed.emit(str(error))
            return
        if project is None or work.batch.busy or work.sessions.pool is None:
            return
        batch = PooledBatch(work.sessions.pool, work.make_aligner, self._settings())

        def run(report: ProgressCallback, should_stop: ShouldStop) -> str:
            before = snapshot(project)
            batch.run(None, report, should_stop, self.video_told.emit, again=True)
            return changes_since(project, before).words

        def finish(words: str) -> str:
            self.panel.tell(f"Re-annotated: {words}.")
            return f"Re-annotated: {words}."

        work.batch.start(
            run, finish, message="loading the model …", interrupt=batch.stop, holds_video=False
        )

    def use(self, model: str) -> None:
        """A person chose a model: the project remembers it, if it is one of its own, or one
        that ships. One from a file is only told of, until it is improved."""
        project = self.work.shown_project
        if project is not None and not project.read_only:
            if not self._remember(project, model):
                self.models_changed.emit()
            self.ask()

    @property
    def chosen(self) -> str:
        """The model that is used: what the project's or one that ships is called, or a file."""
        project = self.work.shown_project
        return self._file or (model_store.current_name(project) if project else DEFAULT_MODEL)

    def _remember(self, project: Project, model: str) -> bool:
        """False, and said, where it can't be used in this project."""
        try:
            if _is_known(project, model):
                self._file = ""
                if model != model_store.current_name(project):
                    known = {version.name: version for version in model_store.versions(project)}
                    model_store.use(project, known.get(model, model))
            else:
                model_store.check_fits(project, model)
                self._file = model
        except RedError as error:
            self.failed.emit(str(error))
            return False
        return True

    def close(self) -> None:
        """The window goes; a training that runs can be gone on with later."""
        self.improving.leave()

    def _look(self) -> None:
        improver = self.improving.improver
        if improver is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(improver.pushed)))

    def _use_another(self) -> None:
        self._file = ""
        self.models_changed.emit()
        self.ask()

    def _on_material(self, found: Material) -> None:
        project = self.work.shown_project
        if project is not None:
            self.panel.show_state(self._chosen_words(project), found)

    def _chosen_words(self, project: Project) -> str:
        """Which model is improved, as it is chosen in the dock."""
        model = self._settings().model
        if _is_known(project, model):
            return model_store.current_name(project)
        return f"{Path(model).name}, which is taken into the project when it is improved"

    def _on_ended(self, improvement: Improvement | None) -> None:
        if improvement is not None and improvement.version is not None:
            self._file = ""
            self.models_changed.emit()
        self.ask()


def _is_known(project: Project, model: str) -> bool:
    """Whether it is a model of the project or one that ships; else it is a file."""
    return model in shipped_models() or model in model_names(project)


def model_names(project: Project | None) -> list[str]:
    """What the models of a project are called, oldest first."""
    return [] if project is None else [one.name for one in model_store.versions(project)]
