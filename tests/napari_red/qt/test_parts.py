"""Sections that make room for each other, the strip's picture, and work beside the window."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_red._qt.background import Background
from napari_red._qt.sections import Sections
from napari_red._qt.strip_picture import HEIGHT, StripColours, strip_picture
from trainer.strip import StripColumns

pytestmark = pytest.mark.window


def panel(height: int) -> QWidget:
    made = QWidget()
    made.setMinimumHeight(height)
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
    made.minimumSizeHint = lambda size=made.minimumSize(): size
    return made


def test_what_was_opened_longest_ago_closes_where_there_is_no_room(qtbot):
    sections = Sections()
    qtbot.addWidget(sections)
    for title in ("one", "two", "three"):
        sections.add(title, panel(150), "")
    sections.resize(300, 450)
    sections.show()
    qtbot.waitExposed(sections)

    def opened():
        return [section.title for section in sections.sections if section.is_open]

    assert opened() == ["one", "two"]
    sections.open("three")
    assert opened() == ["one", "three"]
    sections.resize(300, 700)
    qtbot.waitUntil(lambda: opened() == ["one", "two", "three"])
    sections.add("between", panel(20), "", below="one", opened=False)
    assert [section.title for section in sections.sections] == ["one", "between", "two", "three"]


def test_a_panel_that_needs_more_room_gets_it(qtbot):
    sections = Sections()
    qtbot.addWidget(sections)
    sections.add("one", panel(150), "")
    growing, more = QWidget(), QLabel("more")
    more.setMinimumHeight(300)
    more.hide()
    layout = QVBoxLayout(growing)
    layout.addWidget(QLabel("always"))
    layout.addWidget(more)
    sections.add("two", growing, "")
    sections.open("two")
    sections.resize(300, 350)
    sections.show()
    qtbot.waitExposed(sections)
    one = sections.section("one")
    assert one.is_open
    more.show()
    qtbot.waitUntil(lambda: not one.is_open)
    more.hide()
    qtbot.waitUntil(lambda: one.is_open)


@dataclass
class Counted:
    made: int = 0
    got: int = 0


def test_only_the_newest_of_many_requests_is_delivered(qtbot):
    background, counted, gate = Background(), Counted(), threading.Event()

    def prepare(number):
        def work():
            counted.made += 1
            gate.wait(5)
            return number

        return work

    def then(number):
        counted.got = number

    background.ask("a", lambda: prepare(1), then)
    qtbot.waitUntil(lambda: counted.made == 1)
    for number in (2, 3, 4):
        background.ask("a", lambda number=number: prepare(number), then, wait_ms=20)
    qtbot.wait(60)
    gate.set()
    qtbot.waitUntil(lambda: counted.got > 0)
    assert (counted.made, counted.got) == (2, 4)
    background.close()
    background.ask("a", lambda: prepare(5), then)
    qtbot.wait(50)
    assert counted.got == 4


def test_the_strip_shows_what_is_wrong_and_what_is_done():
    no = np.zeros(4, bool)
    columns = StripColumns(
        confidence=np.array([1, 0.2, np.nan, 1], np.float32),
        jump=no.copy(),
        lost=np.array([False, False, True, False]),
        corrected=np.array([True, False, False, False]),
        accepted=np.array([True, False, False, False]),
        worked=~no,
    )
    colours = StripColours()
    plain = strip_picture(columns, colours)
    assert plain.shape == (HEIGHT, 4, 4)
    assert (plain[0, 0, :3] == colours.ink).all()
    assert not (plain[-1, 0] == plain[-1, 3]).all()
    filled = (plain[10, :, :3] != colours.ground).any(axis=-1)
    assert filled.tolist() == [True, False, False, True]
    red = plain[HEIGHT - 6, :, 0].astype(int) - plain[HEIGHT - 6, :, 2]
    assert red[1] > 100 > red[0]
    assert red[2] > 100
    proposed = strip_picture(columns, colours, np.array([False, False, False, True]))
    assert (plain[:, :3] == proposed[:, :3]).all()
    assert not (plain[10, 3] == proposed[10, 3]).all()


def test_frames_that_arent_worked_on_are_dark_in_the_strip_and_not_red():
    no = np.zeros(2, bool)
    confidence = np.array([0.9, np.nan], np.float32)
    columns = StripColumns(confidence, no, no, no, no, worked=np.array([True, False]))
    colours = StripColours()
    beyond = strip_picture(columns, colours)[:, 1, :3]
    assert (beyond < np.array(colours.ground)).all()
    assert (beyond == beyond[0]).all()
