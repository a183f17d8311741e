"""All formats by their keys."""

from __future__ import annotations

from napari_red.core.formats import (
    coco,
    cvat,
    deeplabcut,
    dlib_xml,
    labelstudio,
    pts,
    sleap,
    tidy,
)
from napari_red.core.formats.base import Format, FormatError

_ALL = (
    Format(
        "pts",
        "300-VW (.pts)",
        "NAME/annot/000001.pts, NAME/faces.csv",
        "menpo, iBUG's and 300-VW's tools, napari-red's trainer",
        "files and pixels from 1, or files called like the pictures",
        "confidence of each landmark, where a wholly hidden face is",
        writer=pts.write,
        reader=pts.read,
    ),
    Format(
        "dlib",
        "dlib and imglab (.xml)",
        "NAME.xml",
        "imglab, dlib's training",
        "pixels from 0, whole ones; parts from 00",
        "fractions of a pixel, which landmark is hidden, confidence, acceptance",
        writer=dlib_xml.write,
        reader=dlib_xml.read,
    ),
    Format(
        "coco",
        "COCO keypoints (.json)",
        "coco.json",
        "pycocotools, mmpose, detectron2, CVAT",
        "frame_id and pixels from 0, centres at integers",
        "nothing; what COCO has no place for is in additional fields",
        writer=coco.write,
        reader=coco.read,
    ),
    Format(
        "cvat",
        "CVAT for video 1.1 (.xml)",
        "NAME.cvat.xml, cvat_labels.json",
        "CVAT",
        "frames from 0; pixels from the corner, the first centre at 0.5",
        "confidence, which landmark was corrected",
        writer=cvat.write,
    ),
    Format(
        "deeplabcut",
        "DeepLabCut labels (.csv, .h5)",
        "labeled-data/NAME/CollectedData_napari-red.csv, .h5",
        "DeepLabCut, napari-deeplabcut, lightning-pose",
        "frames (img0000.png, or the pictures' names) and pixels from 0, centres at integers",
        "positions of hidden landmarks, confidence, acceptance",
        extra="formats",
        writer=deeplabcut.write_labels,
        reader=deeplabcut.read,
    ),
    Format(
        "deeplabcut-tracks",
        "DeepLabCut tracks (.csv, .h5)",
        "NAMEDLC_napari-red.csv, .h5",
        "movement, keypoint-MoSeq and others that read DeepLabCut's results",
        "frames and pixels from 0, centres at integers",
        "positions of hidden landmarks, acceptance",
        extra="formats",
        writer=deeplabcut.write_tracks,
        reader=deeplabcut.read,
    ),
    Format(
        "sleap",
        "SLEAP (.slp)",
        "labels.slp",
        "SLEAP, sleap-io, movement",
        "frames and pixels from 0, centres at integers",
        "confidence where a person corrected, acceptance apart from correction",
        extra="formats",
        writer=sleap.write,
        reader=sleap.read,
    ),
    Format(
        "labelstudio",
        "Label Studio (.json)",
        "labelstudio_001.json, …, labelstudio.xml",
        "Label Studio",
        "frames from 0; positions in per cent from the picture's corner",
        "which landmark was corrected, confidence of each",
        writer=labelstudio.write,
    ),
    Format(
        "csv",
        "Table (.csv)",
        "landmarks.csv",
        "R, pandas, spreadsheets",
        "frames, landmarks and pixels from 0, centres at integers",
        "landmarks without a position",
        writer=tidy.write_csv,
    ),
    Format(
        "parquet",
        "Table (.parquet)",
        "landmarks.parquet",
        "pandas, polars, R's arrow, DuckDB",
        "frames, landmarks and pixels from 0, centres at integers",
        "landmarks without a position",
        extra="formats",
        writer=tidy.write_parquet,
    ),
)

FORMATS: dict[str, Format] = {entry.key: entry for entry in _ALL}


def format_called(key: str) -> Format:
    """The format of that key.

    Raises
    ------
    FormatError
        If there is none.
    """
    try:
        return FORMATS[key]
    except KeyError:
        known = ", ".join(FORMATS)
        raise FormatError(f"no format is called {key!r}; choose one of {known}") from None
