"""A table that pandas wrote to HDF5, read without running anything that stands in it.

pandas and PyTables unpickle what they find, which can be any program. Both layouts of
pandas are simple enough to be read as plain arrays; what is pickled in the "table" layout
are names, and an unpickler without classes reads those.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_red.core.formats.base import FormatError, needs


@dataclass(frozen=True, eq=False)
class Frame:
    """A table with levels above its columns and before its rows.

    Attributes
    ----------
    names : what the levels of the columns are called
    columns : C tuples, one word for each level
    index : R tuples
    values : (R, C) float64, NaN where empty
    """

    names: list[str]
    columns: list[tuple[Any, ...]]
    index: list[tuple[Any, ...]]
    values: np.ndarray


def read_frame(path: Path) -> Frame:
    """Read the only table of a file.

    Raises
    ------
    FormatError
        If there is none, or what is pickled in it isn't only names.
    OSError, KeyError, ValueError
        If it isn't whole.
    """
    with needs("H5 files"):
        import h5py
    with h5py.File(path, "r") as file:
        groups = [group for group in file.values() if isinstance(group, h5py.Group)]
        if len(groups) != 1:
            raise FormatError(
                f"{path}: holds {len(groups)} tables, one was expected; choose a file of "
                "DeepLabCut, or the .csv beside it"
            )
        group = groups[0]
        return _from_table(path, group) if "table" in group else _from_fixed(group)


def _from_fixed(group: Any) -> Frame:
    names, columns = _axis(group, "axis0")
    _, index = _axis(group, "axis1")
    values = np.full((len(index), len(columns)), np.nan)
    places = {column: place for place, column in enumerate(columns)}
    for block in range(int(group.attrs["nblocks"])):
        _, items = _axis(group, f"block{block}_items")
        picked = [places[item] for item in items]
        values[:, picked] = np.asarray(group[f"block{block}_values"], np.float64)
    return Frame(names, columns, index, values)


def _axis(group: Any, name: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Names of the levels, and the entries."""
    if f"{name}_level0" not in group:
        return [""], [(word,) for word in _words(group[name])]
    levels = int(group.attrs[f"{name}_nlevels"])
    parts, names = [], []
    for level in range(levels):
        entries = group[f"{name}_level{level}"]
        names.append(_word(entries.attrs.get("name", "")))
        words = _words(entries)
        parts.append([words[code] for code in np.asarray(group[f"{name}_label{level}"])])
    return names, list(zip(*parts, strict=True))


def _from_table(path: Path, group: Any) -> Frame:
    table = group["table"]
    ((_, listed),) = _unpickled(path, group.attrs["non_index_axes"])
    columns = [tuple(column) for column in listed]
    info = _unpickled(path, group.attrs["info"])
    names = [_word(name) for name in info[1]["names"]]
    rows = np.asarray(table)
    places = {column: place for place, column in enumerate(columns)}
    values = np.full((len(rows), len(columns)), np.nan)
    for field in rows.dtype.names or ():
        if field.startswith("values_block_"):
            items = _unpickled(path, table.attrs[f"{field}_kind"])
            values[:, [places[tuple(item)] for item in items]] = rows[field]
    if rows.dtype.names and "index" in rows.dtype.names:
        index = [(word,) for word in _words(rows["index"])]
    else:
        raise FormatError(
            f"{path}: its rows have several levels in pandas' table layout; choose the .csv "
            "beside it"
        )
    return Frame(names, columns, index, values)


class _NamesOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name}")


def _unpickled(path: Path, attribute: Any) -> Any:
    try:
        return _NamesOnly(io.BytesIO(bytes(attribute))).load()
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError) as error:
        raise FormatError(
            f"{path}: has more in it than names and numbers ({error}), and is not read for "
            "safety; choose the .csv beside it"
        ) from error


def _words(entries: Any) -> list[Any]:
    return [_word(entry) for entry in np.asarray(entries).tolist()]


def _word(entry: Any) -> Any:
    """Text as text; numbers stay numbers."""
    return entry.decode("utf-8") if isinstance(entry, bytes) else entry
