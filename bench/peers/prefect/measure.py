"""Measures Prefect against a server of its own on loopback, in a temporary folder.

Usage: measure.py RUNS. Prints one JSON line; what the programs say goes to standard error.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
READY_S = 240
DURABILITY = (
    "result persistence on: each task's result is written to a file and its state sent to the local server, which "
    "keeps it in SQLite with journal_mode=WAL and synchronous=NORMAL (the defaults of Prefect): it survives a "
    "killed process; no step is synced to disk before the next begins"
)


def environment(folder: str, port: int) -> dict[str, str]:
    """Only what is said here: settings of a Prefect that somebody uses stay out."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {
        **kept,
        "PREFECT_HOME": folder,
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "PREFECT_SERVER_UI_ENABLED": "false",
        # Its ten seconds are too short for a busy machine; a run that succeeds is no quicker or slower by it.
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
        "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "60",
        # Nothing is told to its makers.
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def wait_until_ready(server: subprocess.Popen, port: int) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        if server.poll() is not None:
            raise SystemExit(f"the Prefect server ended with {server.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit(f"the Prefect server was not ready within {READY_S} s")


def main() -> None:
    # Ending must run what is under `finally`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    runs = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="homeostat-bench-prefect-", ignore_cleanup_errors=True) as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        env = environment(folder, port)
        start = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        said = Path(folder, "server.log")
        with said.open("w") as log:
            server = subprocess.Popen(start, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until_ready(server, port)
            command = [sys.executable, str(HERE / "workflow.py"), runs]
            done = subprocess.run(command, env=env, cwd=folder, stdout=subprocess.PIPE, text=True, timeout=300, check=True)
        except BaseException:
            sys.stderr.write(said.read_text(errors="replace")[-4_000:])
            raise
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    result = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps({"name": "prefect", **result, "durability": DURABILITY}), flush=True)


main()
