import pytest

from napari_red.core import doctor


@pytest.fixture
def checks():
    return {check.name: check for check in doctor.examine()}


def test_versions_device_weights_and_sample_are_looked_at(checks):
    assert {"Python", "napari", "torch", "Qt", "Screen", "Device", "Weights", "Sample"} <= set(
        checks
    )
    assert checks["napari"].well
    assert checks["napari"].found[0].isdigit()


def test_what_is_missing_comes_with_advice(monkeypatch):
    monkeypatch.setattr(doctor, "shipped_models", lambda: [])
    monkeypatch.setattr(doctor.ctypes.util, "find_library", lambda name: None)
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    checks = {check.name: check for check in doctor.examine()}
    assert not checks["Weights"].well
    assert "install" in checks["Weights"].advice
    assert "libxcb-cursor0" in checks["Window libraries"].advice


def test_no_screen_is_noticed(monkeypatch):
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert not doctor.has_screen()
    monkeypatch.setenv("DISPLAY", ":1")
    assert doctor.has_screen()


def test_a_qt_that_ends_the_program_is_noticed(monkeypatch):
    monkeypatch.setattr(doctor, "_version", {"PySide6-Essentials": "6.12.0"}.get)
    monkeypatch.setattr(doctor.sys, "version_info", (3, 11, 7))
    assert [check.well for check in doctor._qt()] == [True, False]
    monkeypatch.setattr(doctor.sys, "version_info", (3, 12, 0))
    assert [check.well for check in doctor._qt()] == [True]
