"""Client of Campus: employees, students and the address book.

`connect` is for threads, `campus_client.aio.connect` for asyncio; both have the same methods.
"""

from grpc import Compression, StatusCode

from . import aio
from ._calls import Stream
from ._client import Campus, connect
from ._kinds import Page
from ._people import People
from ._records import Listing, Records
from .channel import Tls, service_config
from .errors import (
    Aborted,
    AlreadyExists,
    CampusError,
    Cancelled,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
    from_status,
)
from .options import CallInfo, CallOptions
from .pb.campus.employee.v1 import employee_pb2 as employee_v1
from .pb.campus.employee.v1.employee_pb2 import Employee
from .pb.campus.student.v1 import student_pb2 as student_v1
from .pb.campus.student.v1.student_pb2 import Student
from .pb.personguide import personguide_pb2 as personguide
from .pb.personguide.personguide_pb2 import Person, PhoneNumber

__all__ = [
    "Aborted",
    "AlreadyExists",
    "CallInfo",
    "CallOptions",
    "Campus",
    "CampusError",
    "Cancelled",
    "Compression",
    "DataLoss",
    "DeadlineExceeded",
    "Employee",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "Listing",
    "NotFound",
    "OutOfRange",
    "Page",
    "People",
    "PermissionDenied",
    "Person",
    "PhoneNumber",
    "Records",
    "ResourceExhausted",
    "StatusCode",
    "Stream",
    "Student",
    "Tls",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "aio",
    "connect",
    "employee_v1",
    "from_status",
    "personguide",
    "service_config",
    "student_v1",
]
