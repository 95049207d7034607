"""Measures DBOS on SQLite, and on PostgreSQL when its programs are on this machine.

Usage: measure.py RUNS. Prints one JSON line for each database; what the programs say goes to standard error.
PostgreSQL gets a cluster of its own in a temporary folder, on loopback, with its default settings (fsync on).
"""

import contextlib
import glob
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
SQLITE = (
    "each step's output is one SQLite transaction, journal_mode=DELETE and synchronous=FULL (the defaults of DBOS): "
    "synced to disk before the next step begins"
)
POSTGRESQL = (
    "each step's output is one PostgreSQL transaction, fsync and synchronous_commit on (the defaults): synced to "
    "disk before the next step begins"
)


def workflow(runs: str, url: str) -> dict:
    command = [sys.executable, str(HERE / "workflow.py"), runs, url]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=180, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def program(name: str) -> str | None:
    """A program of PostgreSQL; Debian keeps those of the server out of the path."""
    debian = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return debian[-1] if debian else shutil.which(name)


@contextlib.contextmanager
def cluster(initdb: str, postgres: str) -> Iterator[str]:
    """A fresh server; gives its address and ends it."""
    # PostgreSQL refuses to run as root: then its own user runs it.
    user = "postgres" if os.geteuid() == 0 else None
    folder = tempfile.mkdtemp(prefix="homeostat-bench-postgresql-")
    server, said = None, Path(folder, "server.log")
    try:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data = f"{folder}/data"
        make = [initdb, "-D", data, "-U", "bench", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        subprocess.run(make, stdout=subprocess.DEVNULL, user=user, cwd=folder, timeout=60, check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        start = [postgres, "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-k", folder]
        with said.open("w") as log:
            server = subprocess.Popen(start, stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=user, cwd=folder)
        wait_until_ready(program("pg_isready") or "pg_isready", port)
        yield f"postgresql://bench@127.0.0.1:{port}/bench"
    except BaseException:
        if server:
            sys.stderr.write(said.read_text(errors="replace")[-4_000:])
        raise
    finally:
        if server:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_ready(pg_isready: str, port: int) -> None:
    asked = [pg_isready, "-q", "-h", "127.0.0.1", "-U", "bench", "-p", str(port), "-t", "1"]
    for _ in range(300):
        if subprocess.run(asked, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise SystemExit("PostgreSQL was not ready within 30 s")


def tell(name: str, durability: str, result: dict) -> None:
    print(json.dumps({"name": name, **result, "durability": durability}), flush=True)


def main() -> None:
    # Ending must run what is under `finally`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    runs = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="homeostat-bench-dbos-") as folder:
        tell("dbos", SQLITE, workflow(runs, f"sqlite:///{folder}/bench.sqlite"))
    initdb, postgres = program("initdb"), program("postgres")
    if not (initdb and postgres):
        reason = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        tell("dbos-postgresql", POSTGRESQL, {"forty_steps_ms": None, "reason": reason})
        return
    with cluster(initdb, postgres) as url:
        tell("dbos-postgresql", POSTGRESQL, workflow(runs, url))


main()
