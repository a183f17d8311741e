"""The help window: every key, and what is seen on the canvas."""

from __future__ import annotations

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from napari_red._qt.shortcuts import as_html

SEEN = """
<p>● a landmark as a model placed it, faint where it is unsure; ◆ with a white rim: a person
put it there; ○ not visible: covered, or outside the picture. It keeps its place, and
can be dragged back or shown again.</p>
<p>Every change is saved at once. The order and number of the landmarks never change.</p>
"""


class HelpWindow(QDialog):
    """Shows the table of keys beside the window it belongs to."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Face landmarks: keys")
        self.page = QTextBrowser()
        self.page.setHtml(SEEN + as_html())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(self.page)
        layout.addWidget(buttons)
        self.resize(620, 640)
