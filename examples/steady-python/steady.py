"""Asks for an employee at an interval, whatever happens to the server, until it is told to stop (SIGTERM, SIGINT).

A line says what came of each call.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import threading
import time

import campus_client


def seconds(text: str) -> float:
    """Reads a time. Raises `ArgumentTypeError` if it is none."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0, such as 0.5")
    return number


def arguments() -> argparse.Namespace:
    """Reads the flags, which the environment gives if they are left out."""
    parser = argparse.ArgumentParser(description=__doc__)
    variable = os.environ.get
    parser.add_argument(
        "--target",
        default=variable("CAMPUS_SERVER", "127.0.0.1:50051"),
        help="whom to call: HOST:PORT, or dns:///NAME:PORT for every address of a name (CAMPUS_SERVER)",
    )
    parser.add_argument(
        "--interval",
        type=seconds,
        default=variable("STEADY_INTERVAL", "1"),
        help="seconds between two calls (STEADY_INTERVAL)",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=variable("STEADY_TIMEOUT", "5"),
        help="longest time of a call in seconds, with the wait for a server (STEADY_TIMEOUT)",
    )
    return parser.parse_args()


def client(asked: argparse.Namespace) -> campus_client.Campus:
    """Returns a client whose calls wait for a server that is not there, and are repeated when one leaves."""
    try:
        return campus_client.connect(asked.target, timeout=asked.timeout, wait_for_ready=True)
    except ValueError as wrong:
        sys.exit(f"--target: {wrong}")


def first(campus: campus_client.Campus) -> str:
    """Returns the name of the first employee. Raises `CampusError`."""
    page = next(campus.employees.list(page_size=1).pages())
    return page.records[0].name if page.records else "nobody"


def main() -> None:
    """Calls until it is told to stop."""
    asked = arguments()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    calls = failed = 0
    print(f"calling {asked.target} every {asked.interval:g} s", flush=True)
    # A call that is under way when it is told to stop is not given up: it ends within its time.
    with client(asked) as campus:
        while not stop.is_set():
            calls += 1
            start = time.monotonic()
            try:
                outcome, text = "ok", first(campus)
            except campus_client.CampusError as error:
                failed += 1
                outcome, text = type(error).__name__, error.message
            took = (time.monotonic() - start) * 1000
            print(f"call {calls}: {outcome} in {took:.0f} ms: {text}", flush=True)
            stop.wait(asked.interval)
    print(f"stopped after {calls} calls, {failed} failed")


if __name__ == "__main__":
    main()
