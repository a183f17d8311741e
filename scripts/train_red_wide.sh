#!/usr/bin/env bash
# Trains red-wide, the paper's width from VGG-16, the way it was made (MODEL_CARD.md says where
# that run differed). It takes minutes on a large GPU and days on a CPU.
#
#   scripts/train_red_wide.sh DATA HEADS VGG16 OUT
#
# DATA has ytf/train, helen/trainset and afw; HEADS is what `python -m trainer heads` wrote
# (only train/ is used); VGG16 is torchvision's state dict of vgg16 as .safetensors.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
data=$1 heads=$2 vgg=$3 out=$4
python=${PYTHON:-.venv/bin/python}

photos=(--stills "$data/helen/trainset" --stills "$data/afw")
train() {
  "$python" -m trainer train --config red-wide --stage 2 --exclude trainer/data/set_aside.txt \
    --stills "$data/ytf/train" "${photos[@]}" "${photos[@]}" "${photos[@]}" "${photos[@]}" \
    "${photos[@]}" "${photos[@]}" --videos "$heads/train" --video-stills 10 "${shifts[@]}" "$@"
}
taken_off() { # of YouTube Faces', Helen's and AFW's labels
  shifts=(--label-shift "$data/ytf/train=$1" --label-shift "$data/helen/trainset=$2"
    --label-shift "$data/afw=$3")
}

taken_off 1.05 0.6 0.95
train --out "$out/1" --init "$vgg" --seed 21 --epochs 1 1.2 1
train --out "$out/2" --init "$out/1/model.safetensors" --seed 41 --epochs 1 1.6 1

# Downwards only what is shown (docs/labels.md), as for red-lite: less than an hour of two CPU cores.
taken_off 1.05,0.5 0.7,0 0.95,0
train --out "$out/3" --init "$out/2/model.safetensors" --seed 81 --epochs 1 0.08 1 \
  --rate 2e-4 --average 0.98

"$python" -m trainer calibrate "$out/3/model.safetensors" --compact --out "$out/red-wide.safetensors" \
  --stills "$data/ytf/dev" --stills "$data/helen/trainset" --stills "$data/afw" \
  --videos "$heads/test" --only trainer/data/set_aside.txt
