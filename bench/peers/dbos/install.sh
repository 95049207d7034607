#!/bin/sh
# Installs DBOS into the folder CACHE/dbos. Usage: install.sh CACHE
set -eu
here=$(dirname "$0")
. "$here/../venv.sh"
make_venv "$1/dbos" "$here/requirements.txt"
