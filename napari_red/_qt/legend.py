"""Which models placed the landmarks, and what colours mean."""

from __future__ import annotations

from napari_red._qt.view_options import ViewOptions
from napari_red.core.appearance import legend
from napari_red.core.frame_view import FrameView
from napari_red.core.session import Session


class Legend:
    """Asks for the names of models as far as they are needed, and says what colours mean.

    Attributes
    ----------
    models : dict
        Number of a run to the name of its model, of the runs that are known.
    """

    def __init__(self, options: ViewOptions) -> None:
        self.options = options
        self.models: dict[int, str] = {}
        self._said: list | None = None

    def forget(self) -> None:
        """Another project's runs have other numbers."""
        self.models = {}

    def know(self, session: Session | None, view: FrameView) -> None:
        """Know the models of these landmarks; say what colours mean if it is something new."""
        before = self.models
        by_source = self.options.look.colour_by == "source"
        unknown = {int(run) for run in view.run} - {0} - set(self.models)
        if session is not None and by_source and unknown:
            project, record = session.opened()
            self.models = project.run_models(record.id)
        entries = legend(self.options.look, self.models)
        if before != self.models or entries != self._said:
            self._said = entries
            self.options.legend_changed.emit(entries)
