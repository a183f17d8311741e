"""Imports point one way, the core needs no window, and no module grows too large."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("trainer", "napari_red")
MOST_LINES = 400

# trainer's floors, lowest first. A module imports from its own floor and those below;
# a new module is added to the floor it belongs to, a folder stands for all that is in it.
FLOORS = (
    {
        "trainer",
        "errors",
        "scheme",
        "geometry",
        "config",
        "ahead",
        "palette",
        "face_3d",
        "pose",
        "paths",
    },
    {
        "models",
        "data",
        "losses",
        "label_shift",
        "metrics",
        "mtcnn",
        "steady",
        "aligned_frame",
        "shape_residuals",
        "carry",
        "tracking",
        "condition",
        "frame_features",
        "expected_error",
        "reasons",
        "likeness",
        "ranking",
        "strip",
    },
    {
        "checkpoint",
        "console",
        "curves",
        "detection",
        "devices",
        "heads",
        "held_out",
        "model_header",
        "step_pictures",
        "validation",
    },
    {
        "stages",
        "learner",
        "batch_maker",
        "engine",
        "pushed_set",
        "replay",
        "alignment",
        "following",
        "face_network",
        "tracker",
        "who",
    },
    {
        "align_files",
        "annotation_folder",
        "calibration",
        "calibration_data",
        "evaluate",
        "experiments",
        "finetuning",
        "peers",
        "benchmark",
    },
    {
        "cli",
        "__main__",
        "align_command",
        "benchmark_command",
        "calibrate_command",
        "compare_command",
        "evaluate_command",
        "finetune_command",
        "heads_command",
        "train_command",
    },
)
WINDOW = {
    "napari",
    "qtpy",
    "PySide6",
    "PySide2",
    "PyQt6",
    "PyQt5",
    "vispy",
    "superqt",
    "magicgui",
    "app_model",
    "npe2",
}


def modules() -> dict[str, Path]:
    """Dotted name to file of every module of both packages."""
    found = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = modules()


def imports_of(name: str) -> set[str]:
    """Dotted names a module imports, wherever in its code, absolute and as far as known."""
    file = MODULES[name]
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            # "from trainer.data import pts" imports a module, "from x import f" a name.
            names = {f"{base}.{alias.name}" for alias in node.names}
            found.update(names & MODULES.keys())
            if names - MODULES.keys():
                found.add(base)
    return found


GRAPH = {name: imports_of(name) for name in MODULES}


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def offenders(inside: str, *forbidden: str) -> list[str]:
    return [
        f"{module} imports {name}"
        for module, names in GRAPH.items()
        if within(module, inside)
        for name in sorted(names)
        if any(within(name, package) for package in forbidden)
    ]


def floor_of(module: str) -> int | None:
    parts = module.split(".")
    top = parts[1] if len(parts) > 1 else parts[0]
    return next((n for n, names in enumerate(FLOORS) if top in names), None)


def test_trainer_imports_neither_the_plugin_nor_a_window() -> None:
    assert offenders("trainer", "napari_red", *WINDOW) == []


def test_core_imports_no_window_and_no_widgets() -> None:
    assert offenders("napari_red.core", "napari_red._qt", *WINDOW) == []


def test_models_never_import_data() -> None:
    assert offenders("trainer.models", "trainer.data") == []


def test_every_trainer_module_has_its_floor() -> None:
    lost = sorted(m for m in MODULES if within(m, "trainer") and floor_of(m) is None)
    assert lost == [], "say in FLOORS (tests/test_import_direction.py) where these belong"


def test_trainer_imports_point_down() -> None:
    wrong = []
    for module, names in GRAPH.items():
        own = floor_of(module)
        for name in sorted(names):
            other = floor_of(name) if within(name, "trainer") else None
            if own is not None and other is not None and other > own:
                wrong.append(f"{module} (floor {own}) imports {name} (floor {other})")
    assert wrong == []


def test_no_module_imports_itself_in_a_circle() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module in done:
            return
        for name in sorted(GRAPH[module] & MODULES.keys()):
            visit(name, (*path, module))
        done.add(module)

    for module in MODULES:
        visit(module, ())


BLOCKED_IMPORTS = """
import importlib, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} was imported where there is no window")

sys.meta_path.insert(0, Blocker())
for name in {modules!r}:
    importlib.import_module(name)
"""


@pytest.mark.parametrize(
    ("package", "also_blocked"), [("trainer", {"napari_red"}), ("napari_red.core", set())]
)
def test_every_module_loads_where_napari_and_qt_are_missing(
    package: str, also_blocked: set[str]
) -> None:
    names = [m for m in MODULES if within(m, package) and not m.endswith("__main__")]
    code = BLOCKED_IMPORTS.format(blocked=WINDOW | also_blocked, modules=names)
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr


def test_modules_are_under_400_lines() -> None:
    lines = {m: len(f.read_text(encoding="utf-8").splitlines()) for m, f in MODULES.items()}
    assert {m: n for m, n in lines.items() if n >= MOST_LINES} == {}


def test_every_public_function_and_class_has_a_docstring() -> None:
    missing = []
    for name, file in MODULES.items():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if ast.get_docstring(tree) is None:
            missing.append(f"{name}: the module itself")
        for node in tree.body:
            if (
                isinstance(node, ast.FunctionDef | ast.ClassDef)
                and not node.name.startswith("_")
                and ast.get_docstring(node) is None
            ):
                missing.append(f"{name}.{node.name}")
    assert missing == []
