"""The package as it is installed, and what its README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from servers import Server

ROOT = Path(__file__).parents[1]
SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def run(*arguments: str | Path, cwd: Path, **environment: str) -> str:
    """Runs a command and returns what it prints."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(arguments, cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of a new environment, with the package as anyone installs it."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ROOT, cwd=folder)
    return python


def test_the_first_call_is_ten_lines_and_runs_as_it_stands(python: Path, shared: Server, tmp_path: Path) -> None:
    first = SNIPPETS[0]
    assert len([line for line in first.splitlines() if line]) <= 10
    said = run(python, "-c", first, cwd=tmp_path, CAMPUS_SERVER=shared.target)
    assert re.fullmatch(r"(employees/\S+ Ada Lovelace\n)+", said)


@pytest.mark.parametrize("number", range(1, 4))
def test_the_other_snippets_run_as_they_stand(python: Path, shared: Server, tmp_path: Path, number: int) -> None:
    expected = ["Hopper", "no more for today", "employee.birth_date"][number - 1]
    assert expected in run(python, "-c", SNIPPETS[number], cwd=tmp_path, CAMPUS_SERVER=shared.target)


def test_the_installed_package_is_typed_and_takes_no_other_name(python: Path, tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(
        "import campus_client\n"
        "with campus_client.connect('localhost:1') as campus:\n"
        "    reveal_type(campus.employees.get('employees/x').given_name)\n"
        "    reveal_type(list(campus.students.list())[0].region)\n"
        "    campus.employees.get(7)\n"
    )
    options = f"--strict --cache-dir {tmp_path / 'cache'} --python-executable {python}".split()
    mypy = [sys.executable, "-m", "mypy", *options, "use.py"]
    done = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.count('Revealed type is "str"') == 2
    assert 'incompatible type "int"; expected "str"' in done.stdout
    top = run(python, "-c", "import importlib.metadata as m; print(*m.files('campus-client'), sep='\\n')", cwd=tmp_path)
    assert {line.split("/")[0] for line in top.splitlines()} == {"campus_client", "campus_client-0.1.0.dist-info"}
