"""Messages between JSON and the wire, by the descriptors of the contract."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format, message_factory, unknown_fields
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from campus_client import employee_v1, personguide, student_v1

from .values import Fault, Json

_VARINT, _FIXED64, _BYTES, _GROUP, _FIXED32 = 0, 1, 2, 3, 5


def services() -> Iterator[ServiceDescriptor]:
    """Returns the services of the contract."""
    for module in (employee_v1, student_v1, personguide):
        yield from module.DESCRIPTOR.services_by_name.values()


def encode(kind: Descriptor, request: Json) -> bytes:
    """Returns a request as it goes over the wire. Raises `Fault` if it is no message of this type."""
    fields = dict(request)
    appended = fields.pop("$append", "")
    try:
        message = json_format.ParseDict(fields, message_factory.GetMessageClass(kind)())
        return message.SerializeToString() + base64.b64decode(appended, validate=True)
    except (json_format.ParseError, binascii.Error) as error:
        raise Fault(str(error)) from error


def decode(kind: Descriptor, response: bytes) -> Json:
    """Returns a response as JSON, unknown fields and all. Raises `Fault` if it is no message of this type."""
    try:
        return as_json(message_factory.GetMessageClass(kind).FromString(response))
    except DecodeError as error:
        raise Fault(str(error)) from error


def as_json(message: Message) -> Json:
    """Returns a message as canonical ProtoJSON, with its unknown fields."""
    value = json_format.MessageToDict(message)
    _add_unknown(message, value)
    return value


def detail(message: Message) -> Json:
    """Returns a detail of a status as JSON, with its type."""
    if message.DESCRIPTOR.full_name == "google.protobuf.Any":
        return as_json(message)
    return {"@type": f"type.googleapis.com/{message.DESCRIPTOR.full_name}", **as_json(message)}


def _add_unknown(message: Message, value: Json) -> None:
    for field, content in message.ListFields():
        inner = value.get(field.json_name) if isinstance(value, dict) else None
        if field.message_type is None or inner is None or field.message_type.GetOptions().map_entry:
            continue
        pairs = zip(content, inner, strict=True) if field.is_repeated else [(content, inner)]
        for part, part_value in pairs:
            _add_unknown(part, part_value)
    unknown = b"".join(_encoded(unknown_fields.UnknownFieldSet(message)))
    # A message with a form of its own in JSON, such as a time, has no place for it.
    if unknown and isinstance(value, dict):
        value["$unknown"] = base64.b64encode(unknown).decode()


def _encoded(fields: Any) -> Iterator[bytes]:
    for field in fields:
        kind, data = field.wire_type, field.data
        yield _varint(field.field_number << 3 | kind)
        if kind == _VARINT:
            yield _varint(data)
        elif kind == _BYTES:
            yield _varint(len(data)) + data
        elif kind == _GROUP:
            yield from _encoded(data)
            yield _varint(field.field_number << 3 | _GROUP + 1)
        else:
            yield data.to_bytes(8 if kind == _FIXED64 else 4, "little")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def shape(method: MethodDescriptor) -> str:
    """Returns what grpcio calls the pattern of a method, `unary_stream` for example."""
    return "_".join("stream" if each else "unary" for each in (method.client_streaming, method.server_streaming))
