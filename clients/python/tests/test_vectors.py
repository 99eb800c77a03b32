"""The runner of the vectors: what it says of those that are right, wrong, and none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from servers import Server

ROOT = Path(__file__).parents[1]
GET = {"method": "campus.employee.v1.EmployeeService/GetEmployee", "requests": [{"name": "employees/${run}"}]}


def run(server: Server, folder: Path, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Runs the vectors of a folder; returns the exit code, and the line of each."""
    paths = os.pathsep.join(str(ROOT / part) for part in ("src", "vectors"))
    command = [sys.executable, "-m", "campus_vectors", "--grpc", server.target, "--rest", "http://127.0.0.1:9"]
    command += ["--vectors", str(folder), *arguments]
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {line["vector"].removeprefix("some/"): line for line in lines}


def write(folder: Path, **vectors: Any) -> None:
    (folder / "some").mkdir()
    for name, vector in vectors.items():
        (folder / "some" / f"{name}.json").write_text(json.dumps(vector))


@pytest.mark.parametrize("way", [[], ["--aio"]], ids=["threads", "asyncio"])
def test_what_differs_from_a_vector_is_told_with_its_place(shared: Server, tmp_path: Path, way: list[str]) -> None:
    resource = {"@type": "type.googleapis.com/google.rpc.ResourceInfo"}
    watch = {"method": "campus.student.v1.StudentService/WatchStudents", "requests": [{}], "cancel": "after-headers"}
    create = {"method": "campus.student.v1.StudentService/CreateStudent", "requests": [{"student": {"region": "R"}}]}
    write(
        tmp_path,
        good={"steps": [{**GET, "expect": {"code": "NOT_FOUND", "message": "${run}", "encoding": "identity"}}]},
        code={"steps": [GET]},
        details={"steps": [{**GET, "expect": {"code": "NOT_FOUND", "details": ["<any>", resource]}}]},
        trailers={"steps": [{**watch, "expect": {"code": "CANCELLED", "headers": {"x-request-id": None}}}]},
        response={"steps": [{**create, "expect": {"responses": [{"region": "R"}]}}]},
        name={"steps": [{**GET, "requests": [{"name": "${nobody}"}]}]},
    )
    code, lines = run(shared, tmp_path, *way)
    assert code == 1
    assert lines["good"] == {"vector": "some/good", "ok": True, "unseen": ["encoding"]}
    for name, why in {
        "code": "step 1: code: expected OK, got NOT_FOUND",
        "details": "step 1: details",
        "trailers": "step 1: headers.x-request-id: expected null",
        "response": "step 1: responses[0].",
        "name": "step 1: ${nobody} stands for nothing",
    }.items():
        assert not lines[name]["ok"], name
        assert lines[name]["why"].startswith(why), lines[name]
    assert run(shared, tmp_path, *way, "some/good")[0] == 0


def test_a_file_with_an_unknown_key_fails_its_vector(shared: Server, tmp_path: Path) -> None:
    write(tmp_path, wrong={"steps": [{**GET, "deadline": "1s"}]}, none={"steps": []})
    code, lines = run(shared, tmp_path)
    assert code == 64
    assert "some/wrong.json: step 1: unknown key deadline" in lines["wrong"]["why"]
    assert "none.json: has no step" in lines["none"]["why"]


def test_wrong_arguments_and_no_vectors_have_their_exit_codes(shared: Server, tmp_path: Path) -> None:
    assert run(shared, tmp_path) == (1, {})
    write(tmp_path, code={"steps": [GET]})
    assert run(shared, tmp_path, "--unknown") == (64, {})
    assert run(shared, tmp_path, "--tls-ca", "/nothing/here") == (64, {})
