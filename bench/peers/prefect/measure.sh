#!/bin/sh
# Measures what install.sh installed. Usage: measure.sh CACHE RUNS
set -eu
exec "$1/prefect/bin/python" "$(dirname "$0")/measure.py" "$2"
