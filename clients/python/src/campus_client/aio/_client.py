"""The client, as it is used from asyncio."""

from __future__ import annotations

from types import TracebackType

import grpc
from typing_extensions import Self

from .. import _services
from ..channel import Options, Plan, Tls
from ..options import Defaults, Metadata
from ..pb.campus.employee.v1 import employee_pb2_grpc
from ..pb.campus.student.v1 import student_pb2_grpc
from ..pb.personguide import personguide_pb2_grpc
from ._calls import Caller
from ._people import People
from ._records import Records


class Campus:
    """A connection to the services; all tasks of its event loop may use it.

    Leaving `async with` closes it and cancels its calls.
    """

    def __init__(self, target: str, channel: grpc.aio.Channel, defaults: Defaults):
        """Uses a channel that there is already; `connect` makes one."""
        self.target = target
        self.channel = channel
        """For stubs of your own; a Create of theirs needs a `request_id`, because gRPC may repeat it."""
        employees, students, people = (
            Caller(stub, service, target, defaults)
            for stub, service in (
                (employee_pb2_grpc.EmployeeServiceStub(channel), _services.EMPLOYEES),
                (student_pb2_grpc.StudentServiceStub(channel), _services.STUDENTS),
                (personguide_pb2_grpc.PersonGuideStub(channel), _services.PEOPLE),
            )
        )
        self._callers = (employees, students, people)
        self.employees = Records(_services.EMPLOYEE, employees)
        self.students = Records(_services.STUDENT, students)
        self.people = People(people)

    async def close(self) -> None:
        """Ends every call with `Cancelled`, now and later, and the connections."""
        for caller in self._callers:
            caller.close()
        await self.channel.close()

    async def __aenter__(self) -> Self:
        """Returns itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Closes it."""
        await self.close()


def connect(
    target: str | None = None,
    *,
    tls: Tls | None = None,
    timeout: float | None = 10.0,
    metadata: Metadata = (),
    compression: grpc.Compression | None = None,
    wait_for_ready: bool = False,
    service_config: str | None = None,
    options: Options = (),
) -> Campus:
    """Returns a client of the services at `target`; connections are made with the first call.

    Call it where the event loop runs.

    `target` is `host:port`, `dns:///host:port` for every address of a name, or what `read_target` says; None means
    `$CAMPUS_SERVER`, else `localhost:50051`. `timeout` (seconds) is for each call with one request and one answer;
    streams have none. `timeout`, `metadata`, `compression` and `wait_for_ready` can be said for each call as well.
    `service_config` (JSON) and `options` of gRPC take the place of what suits the servers.

    Raises `ValueError` if the target makes no sense, `OSError` if a file of `tls` cannot be read.
    """
    plan = Plan.make(target, tls, service_config, options)
    if plan.credentials is None:
        channel = grpc.aio.insecure_channel(plan.target, options=plan.options)
    else:
        channel = grpc.aio.secure_channel(plan.target, plan.credentials, options=plan.options)
    return Campus(plan.target, channel, Defaults(timeout, metadata, compression, wait_for_ready))
