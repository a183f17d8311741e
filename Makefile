# One command each; every one of them first makes sure that .venv is there and up to date.
.DEFAULT_GOAL := help
.PHONY: help setup demo gui test lint bench

PY := .venv/bin/python

help:                ## this list
	@grep -E '^[a-z]+: .*##' Makefile | sed -E 's/: [^#]*## /\t/' | expand -t 10

setup:               ## make .venv (Python 3.11 or newer) and install what is missing
	@scripts/setup.sh

demo: setup          ## a talking face, 68 landmarks in every frame, open in napari; .pts files in demo-output/
	@.venv/bin/napari-red demo

gui: setup           ## napari with the "Face landmarks" dock
	@.venv/bin/napari --with napari-red "Face landmarks"

test: setup          ## all tests, with real windows on a virtual screen
	@$(PY) -m pytest -n logical --dist loadfile --no-loadscope-reorder

lint: setup          ## ruff and mypy
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

bench: setup         ## frames a second of sequential alignment; a project of a million frames; one of fifty videos
	@$(PY) -m trainer benchmark
	@$(PY) -m napari_red.core.project_benchmark
	@$(PY) -m napari_red.core.batch_benchmark
