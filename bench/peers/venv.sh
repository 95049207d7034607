# Sourced by install.sh of peers written in Python: makes FOLDER a virtual environment with exactly the packages of
# REQUIREMENTS. Does nothing when they are there already.
#
# make_venv FOLDER REQUIREMENTS
make_venv() {
    if [ -f "$1/installed.txt" ] && cmp -s "$1/installed.txt" "$2"; then
        return 0
    fi
    command -v python3 >/dev/null || { echo "python3 is not installed" >&2; exit 1; }
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
        echo "$(python3 --version) is too old, 3.10 or newer is needed" >&2
        exit 1
    }
    rm -rf "$1"
    python3 -m venv "$1" || { echo "cannot make a virtual environment (Debian: apt-get install python3-venv)" >&2; exit 1; }
    "$1/bin/pip" install --quiet --disable-pip-version-check --no-input --requirement "$2"
    cp "$2" "$1/installed.txt"
}
