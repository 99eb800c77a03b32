"""Runs the vectors and prints a line of JSON for each.

Ends with 0 if all are good, 1 if one has failed or none was run, 64 if the arguments or a file are wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import campus_client
from campus_client import Tls, aio

from . import rest
from .calls import Plan
from .run import Run
from .tasks import Tasks
from .threads import Threads

# Vectors under way at once; few, since deadlines of some are short.
AT_ONCE = 8
# What the client does by itself when a call fails is not what vectors are for.
OPTIONS = [("grpc.enable_retries", 0)]


def arguments() -> argparse.Namespace:
    """Reads the command line; wrong ones end with 64."""
    parser = argparse.ArgumentParser(prog="campus_vectors", description=__doc__)
    parser.add_argument("--grpc", required=True, metavar="HOST:PORT", help="address of the services of gRPC")
    parser.add_argument("--rest", required=True, metavar="URL", help="where REST is")
    parser.add_argument("--tls-ca", type=Path, metavar="FILE", help="both speak TLS, and this authority is trusted")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate to show")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key")
    folder = Path(__file__).parents[4] / "testdata" / "vectors"
    parser.add_argument("--vectors", type=Path, default=folder, metavar="DIR", help="folder of the vectors")
    parser.add_argument("--aio", action="store_true", help="through the client for asyncio")
    parser.add_argument("filter", nargs="?", default="", help="runs those with this in their folder/name")
    try:
        return parser.parse_args()
    except SystemExit as done:
        raise SystemExit(64 if done.code else 0) from None


def threads(args: argparse.Namespace, tls: Tls | None, names: list[str]) -> list[Run]:
    """Runs the vectors through the client for threads."""
    web = rest.Rest(args.rest, tls)
    with campus_client.connect(args.grpc, tls=tls, options=OPTIONS) as campus, ThreadPoolExecutor(AT_ONCE) as pool:
        caller = Threads(campus)

        def one(name: str) -> Run:
            with Run(name) as run:
                steps = run.steps(args.vectors)
                asked = next(steps, None)
                while asked is not None:
                    asked = steps.send(caller.call(asked) if isinstance(asked, Plan) else web.send(asked))
            return run

        return list(pool.map(one, names))


async def tasks(args: argparse.Namespace, tls: Tls | None, names: list[str]) -> list[Run]:
    """Runs the vectors through the client for asyncio."""
    web, room = rest.Rest(args.rest, tls), asyncio.Semaphore(AT_ONCE)
    async with aio.connect(args.grpc, tls=tls, options=OPTIONS) as campus:
        caller = Tasks(campus)

        async def one(name: str) -> Run:
            async with room:
                with Run(name) as run:
                    steps = run.steps(args.vectors)
                    asked = next(steps, None)
                    while asked is not None:
                        call = caller.call(asked) if isinstance(asked, Plan) else asyncio.to_thread(web.send, asked)
                        asked = steps.send(await call)
            return run

        return await asyncio.gather(*map(one, names))


def main() -> int:
    """Runs what the arguments ask for."""
    args = arguments()
    names = [f"{file.parent.name}/{file.stem}" for file in sorted(args.vectors.glob("*/*.json"))]
    names = [name for name in names if args.filter in name]
    if not names:
        print(f"no vector in {args.vectors} has {args.filter!r} in its name", file=sys.stderr)
        return 1
    try:
        tls = Tls(args.tls_ca, args.tls_cert, args.tls_key) if args.tls_ca else None
        runs = asyncio.run(tasks(args, tls, names)) if args.aio else threads(args, tls, names)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 64
    return 64 if any(run.bad_file for run in runs) else int(any(run.why for run in runs))


if __name__ == "__main__":
    sys.exit(main())
