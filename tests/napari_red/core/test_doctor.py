import sys

import pytest

from napari_red.core import doctor, gpu_check
from napari_red.core.self_test import self_test


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


def test_codecs_and_formats_are_looked_at(checks):
    assert checks["Codecs"].well
    assert "h264" in checks["Codecs"].found
    assert "Formats" in checks


def test_the_self_test_says_how_fast_it_is(monkeypatch):
    monkeypatch.setattr(doctor, "self_test", lambda: self_test(seconds=0.1, device="cpu"))
    check = doctor.try_out()
    assert check.well
    assert "a second; a face in" in check.found


def test_a_self_test_that_fails_says_why(monkeypatch):
    def broken():
        raise RuntimeError("no kernel")

    monkeypatch.setattr(doctor, "self_test", broken)
    check = doctor.try_out()
    assert not check.well
    assert "no kernel" in check.found


@pytest.fixture
def gpu_machine(monkeypatch, tmp_path):
    """A machine with a GPU whose driver knows some CUDA, and a PyTorch that doesn't see it."""

    def make(cuda):
        program = tmp_path / "nvidia-smi"
        program.write_text(
            "#!/bin/sh\n"
            'case "$1" in --query*) echo "NVIDIA RTX A2000";;\n'
            f' *) echo "| Driver Version: 550.54   CUDA Version: {cuda}  |";; esac\n'
        )
        program.chmod(0o755)
        monkeypatch.setattr(gpu_check.shutil, "which", lambda name: str(program))
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
        monkeypatch.setattr("torch.version.cuda", None)
        return next(iter(doctor._device()))

    return make


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in")
@pytest.mark.parametrize(
    ("cuda", "wheel"), [("13.1", "cu130"), ("12.9", "cu128"), ("12.4", "cu126"), ("11.8", "cu118")]
)
def test_a_gpu_that_torch_does_not_see_gets_the_line_that_mends_it(gpu_machine, cuda, wheel):
    check = gpu_machine(cuda)
    assert not check.well
    assert "doesn't see the NVIDIA RTX A2000" in check.found
    assert check.advice.endswith(f"--index-url https://download.pytorch.org/whl/{wheel}")
    assert f'"{sys.executable}" -m pip uninstall -y torch' in check.advice


def test_an_old_driver_is_to_be_updated_and_a_new_one_restarted():
    assert "update the NVIDIA driver (it knows CUDA 11.4" in gpu_check.mending((11, 4), None)
    assert "restart" in gpu_check.mending((12, 8), "12.6")
    assert "whl/cu126" in gpu_check.mending((12, 4), "12.8")


def test_a_machine_without_a_gpu_is_well(monkeypatch):
    monkeypatch.setattr(gpu_check.shutil, "which", lambda name: None)
    assert gpu_check.nvidia_driver() is None
