#!/bin/sh
# Installs Prefect into the folder CACHE/prefect. Usage: install.sh CACHE
set -eu
here=$(dirname "$0")
. "$here/../venv.sh"
make_venv "$1/prefect" "$here/requirements.txt"
