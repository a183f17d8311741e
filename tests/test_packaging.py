"""What a user installs: the manifest, the weights, the sample, and all it needs."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from npe2 import PluginManifest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OPTIONAL_IMPORTS = {"dlib", "h5py", "moderngl", "pandas", "pyarrow", "sleap_io", "tables"}
"""Used where a user has them; nothing needs them."""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Standard output of a command that must succeed."""
    import os

    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, **environment},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="session")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(ROOT / "napari.yaml")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", out, ".", cwd=ROOT)
    (built,) = out.glob("*.whl")
    return built


def test_installed_manifest_is_the_file(manifest: PluginManifest) -> None:
    installed = PluginManifest.from_distribution("napari-red")
    assert installed.name == PROJECT["name"] == manifest.name
    assert installed.contributions == manifest.contributions, "run `make setup` again"


def test_manifest_is_valid() -> None:
    run(sys.executable, "-m", "npe2", "validate", ROOT / "napari.yaml", cwd=ROOT)


def test_every_command_of_the_manifest_is_there(manifest: PluginManifest) -> None:
    commands = manifest.contributions.commands
    assert commands
    for command in commands:
        module, _, name = str(command.python_name).partition(":")
        assert callable(getattr(importlib.import_module(module), name)), command.id


def test_manifest_names_no_file_that_is_missing() -> None:
    # npe2 looks for icons and for themes only when they are shown.
    values = yaml.safe_load((ROOT / "napari.yaml").read_text("utf-8"))
    icon = values.get("icon")
    assert icon is None or ":" in icon or (ROOT / icon).is_file()


def test_console_script_is_installed() -> None:
    entry_points = importlib.metadata.entry_points(group="console_scripts", name="napari-red")
    assert [entry.value for entry in entry_points] == ["napari_red.cli:app"]
    assert callable(next(iter(entry_points)).load())


def declared() -> set[str]:
    """Names of the required distributions, normalised."""
    return {
        re.sub(r"[-_.]+", "-", Requirement(line).name).lower() for line in PROJECT["dependencies"]
    }


def test_every_import_is_a_declared_dependency() -> None:
    providers = importlib.metadata.packages_distributions()
    undeclared = set()
    for file in [*(ROOT / "trainer").rglob("*.py"), *(ROOT / "napari_red").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            for name in {name.partition(".")[0] for name in names} - OPTIONAL_IMPORTS:
                if name in sys.stdlib_module_names or name in {"trainer", "napari_red"}:
                    continue
                owners = {re.sub(r"[-_.]+", "-", d).lower() for d in providers.get(name, [])}
                if not owners & declared():
                    undeclared.add(f"{file.relative_to(ROOT)}: {name} ({', '.join(owners)})")
    assert undeclared == set()


def test_no_qt_binding_is_required() -> None:
    assert not {name for name in declared() if re.match(r"py(side|qt)\d", name)}


def test_every_dependency_is_explained() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8").lower()
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    names = {Requirement(line).name.lower() for line in [*PROJECT["dependencies"], *extras]}
    assert {name for name in names if f"| {name} |" not in page} - {"napari-red"} == set()


@pytest.mark.slow
def test_wheel_holds_manifest_weights_sample_and_licence_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        packed = archive.read("napari_red_manifest/napari.yaml")
    assert packed == (ROOT / "napari.yaml").read_bytes()
    tops = {name.partition("/")[0] for name in names}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"napari_red", "trainer", "napari_red_manifest", info}
    for pattern in ("trainer/weights/**/*", "napari_red/sample/**/*"):
        wanted = {f.relative_to(ROOT).as_posix() for f in ROOT.glob(pattern) if f.is_file()}
        assert wanted <= set(names)
    assert f"{info}/licenses/LICENSE" in names
    assert not [name for name in names if name.endswith((".pyc", ".partial"))]


@pytest.mark.slow
def test_wheel_works_without_the_source_tree(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = """
import trainer, napari_red
from npe2 import PluginManifest
from trainer.checkpoint import available_models
manifest = PluginManifest.from_distribution("napari-red")
print(trainer.__file__, napari_red.__file__, manifest.name, *available_models())
"""
    out = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site")).split()
    assert out[0].startswith(str(tmp_path))
    assert out[1].startswith(str(tmp_path))
    shipped = sorted(f.stem for f in (ROOT / "trainer" / "weights").glob("*.safetensors"))
    assert out[2:] == ["napari-red", *shipped]
