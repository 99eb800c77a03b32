"""Has the interop programs of several makers call each other, and prints what came of it.

usage: run.py PROGRAMS GO-TOOL PYTHON-TOOL [--write]

PROGRAMS is the folder of the programs of this project, the others are what .ci/tool installs. docs/interop.md must say
the same as what was seen; --write has it say so. Exit code 1: something was not as expected.
"""

import re
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from page import page

HERE = Path(__file__).resolve().parent
DOC = HERE.parent / "docs/interop.md"
PLAN = tomllib.loads((HERE / "cases.toml").read_text())
PAIRS = ["grpc-go>campus", "grpcio>campus", "campus>grpc-go", "campus>grpcio", "campus>campus"]
LIMIT = 60  # seconds, for one case or the start of a server
# Of the certificate that grpc-go comes with.
NAME = "foo.test.google.fr"
# A call of these cases may take a second otherwise, and a busy machine is not what they are about.
PATIENT = ["--soak_per_iteration_max_acceptable_latency_ms=10000", "--soak_overall_timeout_seconds=50"]
# These want the machine for themselves.
HEAVY = {"concurrent_large_unary", "rpc_soak", "channel_soak"}


class Programs:
    """The commands to run."""

    def __init__(self, ours: Path, go: Path, python: Path, stubs: Path) -> None:
        """Ours are in a folder; of the others one program is given, and where the stubs for grpcio are."""
        self.testdata = go.parent.parent / "testdata"
        self.versions = {"grpc-go": version(go), "grpcio": version(python)}
        grpcio = ["env", f"PYTHONPATH={stubs}", python]
        self.servers = {
            "campus": [ours / "campus-interop-server"],
            "grpc-go": ["env", "GRPC_GO_LOG_SEVERITY_LEVEL=info", go.parent / "server"],
            "grpcio": [*grpcio, HERE / "python/server.py"],
        }
        self.clients = {
            "campus": [ours / "campus-interop-client"],
            "grpc-go": [go.parent / "client"],
            "grpcio": [*grpcio, HERE / "python/client.py"],
        }

    def server_flags(self, tls: bool) -> list:
        """A free port, and the certificate of TLS."""
        certificate, key = self.testdata / "server1.pem", self.testdata / "server1.key"
        files = [f"--tls_cert_file={certificate}", f"--tls_key_file={key}"]
        return ["--port=0", *(["--use_tls=true", *files] if tls else [])]

    def client_flags(self, tls: bool) -> list:
        """The name of the server in its certificate, and who has signed it."""
        authority = f"--ca_file={self.testdata / 'ca.pem'}"
        return ["--use_tls=true", "--use_test_ca=true", authority, f"--server_host_override={NAME}"] if tls else []


def version(tool: Path) -> str:
    """Tools are kept as NAME-VERSION/bin/PROGRAM."""
    return tool.parent.parent.name.rsplit("-", 1)[-1]


@contextmanager
def running(command: list):
    """A server while it is needed; gives its port, which it says itself."""
    with tempfile.TemporaryFile("w+") as said:
        server = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        try:
            yield port_of(server, said)
        finally:
            server.terminate()
            try:
                server.wait(LIMIT)
            except subprocess.TimeoutExpired:
                server.kill()


def port_of(server: subprocess.Popen, said) -> int:
    """Waits until a server says where it listens."""
    end = time.monotonic() + LIMIT
    while True:
        is_over = server.poll() is not None or time.monotonic() > end
        said.seek(0)
        text = said.read()
        if found := re.search(r"listening on \S*:(\d+)$", text, re.MULTILINE):
            return int(found[1])
        if is_over:
            sys.exit(f"{server.args}: it does not say where it listens; it says:\n{text}")
        time.sleep(0.02)


def call(command: list) -> tuple[int, str]:
    """The exit code of a client, and what it said."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return -1, f"it did not end within {LIMIT} s"
    return ended.returncode, ended.stdout + ended.stderr


def expected(case: str, pair: str) -> dict:
    """What is said of a case in a pair: when it should fail, and how."""
    return next((said for said in PLAN["expected"] if case in said["cases"] and pair in said["pairs"]), {})


def fault(case: str, pair: str, code: int, said: str) -> str | None:
    """What is not as expected."""
    wanted = expected(case, pair)
    if (code, wanted.get("says", "") in said) == (wanted.get("code", 0), True):
        return None
    instead = f"should have ended with {wanted['code']} and {wanted['says']!r}" if wanted else "should have passed"
    last = said.strip()[-600:]
    return f"{case}, {pair}: {instead}; it ended with {code}: {last}"


def go_through(programs: Programs) -> dict[tuple[str, str], list[str]]:
    """What is not as expected, by case and pair."""
    cases = [case for case in PLAN["cases"] if case not in PLAN["not_run"]]
    seen: dict[tuple[str, str], list[str]] = {(case, pair): [] for case in cases for pair in PAIRS}
    with ExitStack() as stack:
        ports = {
            (name, tls): stack.enter_context(running([*command, *programs.server_flags(tls)]))
            for name, command in programs.servers.items()
            for tls in (False, True)
        }

        def run(job: tuple[str, str, bool]) -> None:
            case, pair, tls = job
            client, server = pair.split(">")
            target = [f"--test_case={case}", "--server_host=127.0.0.1", f"--server_port={ports[server, tls]}"]
            code, said = call([*programs.clients[client], *target, *PATIENT, *programs.client_flags(tls)])
            if why := fault(case, pair, code, said):
                seen[case, pair].append(f"{why} ({'TLS' if tls else 'TCP'})")

        jobs = [(case, pair, tls) for case in cases for pair in PAIRS for tls in (False, True)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, (job for job in jobs if job[0] not in HEAVY)))
        for job in jobs:
            # That a call is encrypted changes nothing about how many there can be.
            if job[0] in HEAVY and not (job[0] == "concurrent_large_unary" and job[2]):
                run(job)
    return seen


def main() -> int:
    """Prints the table, and writes or compares the page."""
    ours, go, python = (Path(arg) for arg in sys.argv[1:4])
    with tempfile.TemporaryDirectory() as stubs:
        outputs = [f"--{kind}_out={stubs}" for kind in ("python", "grpc_python")]
        # The folder is not part of the name: grpcio has a package of that name itself.
        protos = ["-I", HERE / "proto/grpc/testing", "test.proto"]
        subprocess.run([python, "-m", "grpc_tools.protoc", *outputs, *protos], check=True)
        programs = Programs(ours, go, python, Path(stubs))
        begun = time.monotonic()
        seen = go_through(programs)
    text = page(PLAN, PAIRS, seen, programs.versions)
    print(text)
    faults = [why for whys in seen.values() for why in whys]
    print(*faults, sep="\n")
    print(f"{len(seen)} cells, {len(faults)} faults, {time.monotonic() - begun:.0f} s")
    if "--write" in sys.argv and not faults:
        DOC.write_text(text)
    elif not DOC.exists() or DOC.read_text() != text:
        print(f"docs/{DOC.name} is not what was seen; .ci/interop --write makes it so")
        return 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
