#!/usr/bin/env bash
# Trains the model that ships, the way it was made (MODEL_CARD.md says where that run differed).
#
#   scripts/train_red_lite.sh DATA HEADS OUT
#
# DATA has ytf/train, helen/trainset and afw; HEADS is what `python -m trainer heads` wrote
# (only train/ is used). It starts from the quarter-width network of the first release,
# which the repository's history keeps.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
data=$1 heads=$2 out=$3
python=${PYTHON:-.venv/bin/python}

mkdir -p "$out"
[ -f "$out/quarter.safetensors" ] ||
  git show f080624:trainer/weights/red-lite.safetensors > "$out/quarter.safetensors"

photos=(--stills "$data/helen/trainset" --stills "$data/afw")
train() {
  "$python" -m trainer train --config red-lite --exclude trainer/data/set_aside.txt \
    --stills "$data/ytf/train" "${photos[@]}" "${photos[@]}" "${photos[@]}" "$@"
}

train --stage 1 --out "$out/1" --init "$out/quarter.safetensors"
train --stage 2 --out "$out/2" --init "$out/1/model.safetensors" --seed 1 --epochs 1 0.65 1
train --stage 2 --stage 3 --out "$out/3" --init "$out/2/model.safetensors" --seed 2 --epochs 1 0.24 0.005 \
  --videos "$heads/train" --video-stills 10 --clips-from-stills

# From here with the labels' shift taken off (docs/labels.md), and photographs six times in stage 2.
# The arguments: the new run, the one it goes on from, the seed, and for stills the epochs.
later=(--videos "$heads/train" --video-stills 10)
more_stills() {
  train --stage 2 --out "$out/$1" --init "$out/$2/model.safetensors" --seed "$3" --epochs 1 "$4" 1 \
    "${photos[@]}" "${photos[@]}" "${photos[@]}" "${shifts[@]}" "${later[@]}"
}
more_clips() {
  train --stage 3 --out "$out/$1" --init "$out/$2/model.safetensors" --seed "$3" --epochs 1 1 0.005 \
    "${shifts[@]}" "${later[@]}" --clips-from-stills
}
taken_off() { # of YouTube Faces', Helen's and AFW's labels
  shifts=(--label-shift "$data/ytf/train=$1" --label-shift "$data/helen/trainset=$2"
    --label-shift "$data/afw=$3")
}

taken_off 1.05 0.6 0.95
more_stills 4 3 11 0.5
more_clips 5 4 12
# More of the same: an hour and a half of two cores, or minutes of a GPU.
more_stills 6 5 31 0.593
more_stills 7 6 51 0.265

# Of photographs' labels only what a mirror shows: to the right.
taken_off 1.05 0.7,0 0.95,0
more_stills 8 7 61 0.12
more_clips 9 8 62

# And of YouTube Faces' downwards half a pixel: about the least that other aligners see.
taken_off 1.05,0.5 0.7,0 0.95,0
more_stills 10 9 71 0.27
more_clips 11 10 72

"$python" -m trainer calibrate "$out/11/model.safetensors" --out "$out/red-lite.safetensors" \
  --stills "$data/ytf/dev" --stills "$data/helen/trainset" --stills "$data/afw" \
  --videos "$heads/test" --only trainer/data/set_aside.txt
