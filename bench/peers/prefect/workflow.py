"""One flow of 40 tiny tasks in Prefect, timed from the request to start it until its result is there.

Usage: workflow.py RUNS, with PREFECT_API_URL of a server that runs. Prints one JSON line.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

import prefect
from prefect import flow, task

STEPS = 40
WARM_UP = 2


@task
def tiny(number: int) -> int:
    return number + 1


@flow
def forty() -> int:
    number = 0
    for _ in range(STEPS):
        number = tiny(number)
    return number


def once() -> float:
    began = time.perf_counter()
    if forty() != STEPS:
        raise SystemExit("the flow gave a wrong result")
    return (time.perf_counter() - began) * 1e3


def stored() -> int:
    """Files of results: what is not stored is not durable."""
    return sum(1 for file in Path(os.environ["PREFECT_HOME"], "storage").rglob("*") if file.is_file())


def main() -> None:
    runs = int(sys.argv[1])
    for _ in range(WARM_UP):
        once()
    before = stored()
    times = [once() for _ in range(runs)]
    # The result of the flow itself is one file more.
    if stored() - before < runs * STEPS:
        raise SystemExit(f"{stored() - before} results are stored, not {runs * STEPS}")
    print(json.dumps({
        "version": prefect.__version__,
        "forty_steps_ms": statistics.median(times),
        "min_ms": min(times),
        "max_ms": max(times),
        "runs": runs,
    }))


main()
