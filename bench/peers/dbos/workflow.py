"""One workflow of 40 tiny durable steps in DBOS, timed from the request to start it until its result is there.

Usage: workflow.py RUNS DATABASE_URL. Prints one JSON line.
"""

import importlib.metadata
import json
import os
import statistics
import sys
import time

from dbos import DBOS, DBOSConfig

STEPS = 40
WARM_UP = 3


@DBOS.step()
def tiny(number: int) -> int:
    return number + 1


@DBOS.workflow()
def forty() -> int:
    number = 0
    for _ in range(STEPS):
        number = tiny(number)
    return number


def once() -> float:
    began = time.perf_counter()
    if DBOS.start_workflow(forty).get_result() != STEPS:
        raise SystemExit("the workflow gave a wrong result")
    return (time.perf_counter() - began) * 1e3


def recorded() -> int:
    newest = DBOS.list_workflows(limit=1, sort_desc=True)[0]
    return len(DBOS.list_workflow_steps(newest.workflow_id))


def main() -> None:
    runs, url = int(sys.argv[1]), sys.argv[2]
    # DBOS speaks to its makers only with a conductor key or an OTLP address: none may come in from outside.
    os.environ.pop("DBOS_CONDUCTOR_KEY", None)
    config: DBOSConfig = {"name": "bench", "system_database_url": url, "log_level": "WARNING", "enable_otlp": False}
    DBOS(config=config)
    DBOS.launch()
    try:
        for _ in range(WARM_UP):
            once()
        times = [once() for _ in range(runs)]
        # A step that is not in the database is not durable.
        if recorded() != STEPS:
            raise SystemExit(f"{recorded()} steps are recorded, not {STEPS}")
    finally:
        DBOS.destroy()
    print(json.dumps({
        "version": importlib.metadata.version("dbos"),
        "forty_steps_ms": statistics.median(times),
        "min_ms": min(times),
        "max_ms": max(times),
        "runs": runs,
    }))


main()
