#!/usr/bin/env bash
# Makes .venv with everything that `make demo`, `make gui` and `make test` need.
#
# Writes only inside this folder; on Debian and Ubuntu it also installs missing system
# packages, when it may (root, or sudo without a password), and else says which.
# Running it again is quick: what is already there is left alone.
#
#   PYTHON=/path/to/python3.12 scripts/setup.sh    choose the interpreter
#   RED_TORCH="torch==2.13.0"  scripts/setup.sh    choose the PyTorch to install
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=.venv
stamp=$venv/.set-up
torch=${RED_TORCH:-torch==2.13.0}

# What a window needs beyond a bare Debian: a virtual screen, Qt's xcb platform, OpenGL.
window_packages=(
  xvfb xauth libegl1 libgl1 libgl1-mesa-dri libdbus-1-3 libfontconfig1 libxkbcommon-x11-0
  libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0
  libxcb-shape0 libglib2.0-0 libgssapi-krb5-2
)

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

may_install() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

# install_packages NAME...: 0 when they are there afterwards.
install_packages() {
  if ! may_install; then
    say "these system packages are missing and need an administrator:"
    say "  sudo apt-get install --no-install-recommends $*"
    return 1
  fi
  say "installing system packages: $*"
  as_root apt-get -qq update >&2 || say "apt-get update failed; trying with the lists at hand"
  # Standard output is choose_python's answer, so nothing else may be printed there.
  as_root apt-get -qq install -y --no-install-recommends "$@" >&2
}

is_installed() {  # newer releases call some libraries NAMEt64
  local found
  found=$(dpkg-query --show --showformat='${db:Status-Status}\n' "$1" "$1t64" 2>/dev/null) || true
  grep -qx installed <<< "$found"
}

system_packages() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    if [ "$(uname -s)" = Linux ] && ! command -v Xvfb >/dev/null; then
      say "Xvfb is missing: tests that open a window will skip; install your system's xvfb,"
      say "the xcb libraries that Qt 6 names (xcb-util-*), and Mesa's OpenGL"
    fi
    return 0
  fi
  local missing=() package
  for package in "${window_packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    install_packages "${missing[@]}" || say "going on without them: a window may not open"
  fi
}

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
makes_venvs() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# find_python TEST: the first Python >= 3.11 that also passes TEST.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python python3.11 python3.12 python3.13 python3.14}; do
    if command -v "$candidate" >/dev/null && is_recent "$candidate" && "$1" "$candidate"; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

choose_python() {
  find_python makes_venvs && return 0
  if ! command -v apt-get >/dev/null; then
    say "no Python 3.11 or newer with the venv module; install one, or name it: PYTHON=… $0"
    return 1
  fi
  local found version packages=(python3 python3-venv)
  if found=$(find_python true); then  # Debian splits ensurepip off into its own package
    version=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    packages=("python$version-venv")
  fi
  install_packages "${packages[@]}" || return 1
  find_python makes_venvs && return 0
  say "this system offers no Python 3.11 that makes venvs; install one, and name it: PYTHON=… $0"
  return 1
}

pip_install() {
  # pip's cache lies in the home folder: used only where PIP_CACHE_DIR names one.
  local options=(--quiet --disable-pip-version-check)
  [ -n "${PIP_CACHE_DIR:-}" ] || options+=(--no-cache-dir)
  "$venv/bin/python" -m pip install "${options[@]}" "$@"
}

python_packages() {
  local wanted python
  wanted=$(cat pyproject.toml napari.yaml scripts/setup.sh 2>/dev/null |
    cksum; echo "$torch $PWD")
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    return 0
  fi
  if ! { is_recent "$venv/bin/python" && "$venv/bin/python" -m pip --version; } >/dev/null 2>&1
  then
    python=$(choose_python)
    say "making $venv with $python"
    "$python" -m venv --clear "$venv"
  fi
  rm -f "$stamp"
  # First and by itself: left to a range, pip would take the newest build, which on Linux
  # brings several GB of CUDA libraries along.
  say "installing PyTorch ($torch)"
  pip_install "$torch"
  say "installing napari-red and what it needs (about 350 MB to fetch the first time)"
  pip_install --editable '.[qt,test]'
  printf '%s\n' "$wanted" > "$stamp"
  say "done"
}

system_packages
python_packages
