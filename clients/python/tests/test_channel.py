"""What is made of targets, and the service config."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from servers import Server

import campus_client
from campus_client import Student, Tls, employee_v1, personguide, student_v1
from campus_client.channel import read_target


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("localhost:50051", "localhost:50051"),
        ("dns:///campus-headless:50051", "dns:///campus-headless:50051"),
        ("http://localhost:50051/", "dns:///localhost:50051"),
        ("unix:/run/campus.sock", "unix:/run/campus.sock"),
        ("static:///10.0.0.1:1,10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("static:///[::1]:1", "ipv6:[::1]:1"),
        (" localhost:50051\n", "localhost:50051"),
    ],
)
def test_a_target_becomes_one_of_grpc(given: str, target: str) -> None:
    assert read_target(given) == (target, None)


def test_https_means_tls_and_http_means_none() -> None:
    assert read_target("HTTPS://host:1") == ("dns:///host:1", Tls())
    with pytest.raises(ValueError, match="https://host:1"):
        read_target("http://host:1", Tls())


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("", "the target is empty"),
        ("https://", "names no server"),
        ("http://user:secret@host:1", "without user"),
        ("http://host", "names no port: write http://HOST:PORT"),
        ("https://[::1]", "names no port"),
        ("http://host:65536", "names no port"),
        ("static:///host:1", "write IP:PORT"),
        ("static:///10.0.0.1", "'10.0.0.1' names no port"),
        ("static:///10.0.0.1:1,10.0.0.2:x", "'10.0.0.2:x' names no port"),
        ("static:///::1:50051", "'::1:50051' names no port"),
        ("static:///10.0.0.1:1,[::1]:1", "one version of IP"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused_without_its_secrets(target: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)) as caught:
        campus_client.connect(target)
    assert "secret" not in str(caught.value)


def test_the_service_config_names_methods_that_there_are() -> None:
    config = json.loads(campus_client.service_config())
    for module in (employee_v1, student_v1, personguide):
        for service in module.DESCRIPTOR.services_by_name.values():
            methods = {method.name for method in service.methods}
            named = [name for each in config["methodConfig"] for name in each["name"]]
            named = [name for name in named if name["service"] == service.full_name]
            assert named, service.full_name
            for name in named:
                assert "method" not in name or name["method"] in methods, name


def test_no_update_and_no_delete_is_repeated() -> None:
    config = json.loads(campus_client.service_config())
    named = [name for each in config["methodConfig"] for name in each["name"]]
    assert not [name for name in named if name.get("method", "").startswith(("Update", "Delete"))]


def test_without_a_target_the_environment_says_where_the_server_is(
    shared: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMPUS_SERVER", f"http://{shared.target}")
    with campus_client.connect() as campus:
        assert campus.students.create(Student()).name
    monkeypatch.delenv("CAMPUS_SERVER")
    with campus_client.connect() as campus:
        assert campus.target == "localhost:50051"


def test_a_server_is_called_over_a_unix_socket(tmp_path: Path) -> None:
    with Server(tmp_path, listen=f"unix:{tmp_path}/socket"):
        with campus_client.connect(f"unix:{tmp_path}/socket") as campus:
            assert campus.students.create(Student()).name


def test_options_of_the_caller_take_the_place_of_ours(shared: Server) -> None:
    with campus_client.connect(shared.target, options=[("grpc.max_receive_message_length", 8)]) as campus:
        with pytest.raises(campus_client.ResourceExhausted):
            campus.students.create(Student(region="longer than eight bytes"))
