"""The interop cases on grpcio. Each takes a channel and fails by an exception."""

import queue
import time
from collections.abc import Callable, Iterator

import grpc
import test_pb2 as pb
import test_pb2_grpc as stubs

REQUESTS = (27182, 8, 1828, 45904)
ANSWERS = (31415, 9, 2653, 58979)
LARGE_REQUEST, LARGE_ANSWER = 271828, 314159
METADATA = (
    ("x-grpc-test-echo-initial", "test_initial_metadata_value"),
    ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"),
)
PATIENCE = 20  # seconds


class Peer:
    """A server, a channel to it, and how to make another."""

    def __init__(self, dial: Callable[[], grpc.Channel], latency: float) -> None:
        """Makes the first channel; `dial` makes one. Calls in a row may take `latency` seconds each."""
        self.dial = dial
        self.latency = latency
        self.channel = dial()
        self.stub = stubs.TestServiceStub(self.channel)


def same(what: str, found: object, wanted: object) -> None:
    """Fails unless both are the same."""
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, wanted {wanted!r}")


def zeros(size: int) -> pb.Payload:
    """So many zeros."""
    return pb.Payload(body=bytes(size))


def large(**more: object) -> pb.SimpleRequest:
    """A large request for a large answer."""
    return pb.SimpleRequest(response_size=LARGE_ANSWER, payload=zeros(LARGE_REQUEST), **more)


def output(*sizes: int, request: int = 0, **more: object) -> pb.StreamingOutputCallRequest:
    """A request for answers of these sizes."""
    parameters = [pb.ResponseParameters(size=size) for size in sizes]
    return pb.StreamingOutputCallRequest(response_parameters=parameters, payload=zeros(request), **more)


def ended(call: Callable[[], object], code: grpc.StatusCode, message: str | None = None) -> None:
    """Fails unless the call ends so."""
    try:
        call()
    except grpc.RpcError as error:
        same("status", error.code(), code)
        if message is not None:
            same("message", error.details(), message)
        return
    raise AssertionError(f"the call succeeded; it should be {code}")


class Outgoing:
    """Requests that are sent one by one."""

    def __init__(self) -> None:
        """Begins with none."""
        self.waiting: queue.SimpleQueue = queue.SimpleQueue()

    def __iter__(self) -> Iterator:
        """Waits for each."""
        return iter(self.waiting.get, None)

    def send(self, request: object) -> None:
        """Sends one; None ends the stream."""
        self.waiting.put(request)


def empty_unary(peer: Peer) -> None:
    """Nothing, for nothing."""
    same("answer", peer.stub.EmptyCall(pb.Empty()), pb.Empty())


def large_unary(peer: Peer) -> None:
    """A large payload, for a large one."""
    same("bytes of the answer", len(peer.stub.UnaryCall(large()).payload.body), LARGE_ANSWER)


def client_compressed_unary(peer: Peer) -> None:
    """Says that requests are compressed: once without, then as it says."""
    expected, not_expected = large(expect_compressed={"value": True}), large(expect_compressed={"value": False})
    ended(lambda: peer.stub.UnaryCall(expected), grpc.StatusCode.INVALID_ARGUMENT)
    for request, compression in ((expected, grpc.Compression.Gzip), (not_expected, None)):
        answer = peer.stub.UnaryCall(request, compression=compression)
        same("bytes of the answer", len(answer.payload.body), LARGE_ANSWER)


def server_compressed_unary(peer: Peer) -> None:
    """Asks for answers that are compressed, and that are not."""
    for value in (True, False):
        answer = peer.stub.UnaryCall(large(response_compressed={"value": value}))
        same("bytes of the answer", len(answer.payload.body), LARGE_ANSWER)


def client_streaming(peer: Peer) -> None:
    """Four requests, one answer."""
    requests = (pb.StreamingInputCallRequest(payload=zeros(size)) for size in REQUESTS)
    same("bytes of all", peer.stub.StreamingInputCall(requests).aggregated_payload_size, sum(REQUESTS))


def client_compressed_streaming(peer: Peer) -> None:
    """Says that the requests of a stream are compressed: once without, then with."""

    def request(size: int, value: bool) -> pb.StreamingInputCallRequest:
        return pb.StreamingInputCallRequest(payload=zeros(size), expect_compressed={"value": value})

    probe = [request(27182, True)]
    ended(lambda: peer.stub.StreamingInputCall(iter(probe)), grpc.StatusCode.INVALID_ARGUMENT)
    # grpcio compresses all requests of a call or none.
    requests = iter([request(27182, True), request(45904, True)])
    answer = peer.stub.StreamingInputCall(requests, compression=grpc.Compression.Gzip)
    same("bytes of all", answer.aggregated_payload_size, 73086)


def server_streaming(peer: Peer) -> None:
    """One request, four answers."""
    answers = peer.stub.StreamingOutputCall(output(*ANSWERS))
    same("bytes of the answers", tuple(len(answer.payload.body) for answer in answers), ANSWERS)


def server_compressed_streaming(peer: Peer) -> None:
    """Asks for an answer that is compressed and one that is not, in one stream."""
    parameters = [
        pb.ResponseParameters(size=31415, compressed={"value": True}),
        pb.ResponseParameters(size=92653, compressed={"value": False}),
    ]
    answers = peer.stub.StreamingOutputCall(pb.StreamingOutputCallRequest(response_parameters=parameters))
    same("bytes of the answers", [len(answer.payload.body) for answer in answers], [31415, 92653])


def ping_pong(peer: Peer) -> None:
    """Requests and answers in turn."""
    requests = Outgoing()
    answers = peer.stub.FullDuplexCall(iter(requests), timeout=PATIENCE)
    for request, answer in zip(REQUESTS, ANSWERS, strict=True):
        requests.send(output(answer, request=request))
        same("bytes of an answer", len(next(answers).payload.body), answer)
    requests.send(None)
    same("answers behind the last", list(answers), [])


def empty_stream(peer: Peer) -> None:
    """No request, no answer."""
    same("answers to nothing", list(peer.stub.FullDuplexCall(iter(()))), [])


def custom_metadata(peer: Peer) -> None:
    """Metadata comes back, with the head and behind the answer."""

    def given_back(call: grpc.Call) -> None:
        same("head", [pair for pair in call.initial_metadata() if pair[0] == METADATA[0][0]], [METADATA[0]])
        same("trailers", [pair for pair in call.trailing_metadata() if pair[0] == METADATA[1][0]], [METADATA[1]])

    _, call = peer.stub.UnaryCall.with_call(large(), metadata=METADATA)
    given_back(call)
    stream = peer.stub.FullDuplexCall(iter([output(LARGE_ANSWER, request=LARGE_REQUEST)]), metadata=METADATA)
    same("answers", len(list(stream)), 1)
    given_back(stream)


def status_code_and_message(peer: Peer) -> None:
    """The call ends with the status that is asked for."""
    wanted = pb.EchoStatus(code=2, message="test status message")
    unary = pb.SimpleRequest(response_status=wanted)
    ended(lambda: peer.stub.UnaryCall(unary), grpc.StatusCode.UNKNOWN, wanted.message)
    stream = pb.StreamingOutputCallRequest(response_status=wanted)
    ended(lambda: list(peer.stub.FullDuplexCall(iter([stream]))), grpc.StatusCode.UNKNOWN, wanted.message)


def special_status_message(peer: Peer) -> None:
    """Line ends and all of Unicode come back in a message."""
    message = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
    request = pb.SimpleRequest(response_status=pb.EchoStatus(code=2, message=message))
    ended(lambda: peer.stub.UnaryCall(request), grpc.StatusCode.UNKNOWN, message)


def unimplemented(peer: Peer, service: str) -> None:
    """Calls what no server has."""
    call = peer.channel.unary_unary(
        f"/grpc.testing.{service}/UnimplementedCall",
        request_serializer=pb.Empty.SerializeToString,
        response_deserializer=pb.Empty.FromString,
    )
    ended(lambda: call(pb.Empty()), grpc.StatusCode.UNIMPLEMENTED)


def unimplemented_method(peer: Peer) -> None:
    """A service without the method."""
    unimplemented(peer, "TestService")


def unimplemented_service(peer: Peer) -> None:
    """A server without the service."""
    unimplemented(peer, "UnimplementedService")


def cancel_after_begin(peer: Peer) -> None:
    """A call that is cancelled before it has sent anything."""
    requests = Outgoing()
    call = peer.stub.StreamingInputCall.future(iter(requests))
    call.cancel()
    same("cancelled", (call.cancelled(), call.code()), (True, grpc.StatusCode.CANCELLED))
    requests.send(None)


def cancel_after_first_response(peer: Peer) -> None:
    """A call that is cancelled in the middle."""
    requests = Outgoing()
    answers = peer.stub.FullDuplexCall(iter(requests), timeout=PATIENCE)
    requests.send(output(31415, request=27182))
    same("bytes of the answer", len(next(answers).payload.body), 31415)
    answers.cancel()
    ended(lambda: next(answers), grpc.StatusCode.CANCELLED)
    requests.send(None)


def timeout_on_sleeping_server(peer: Peer) -> None:
    """A call that is not answered in time."""
    requests = Outgoing()
    requests.send(output(request=27182))
    ended(lambda: next(peer.stub.FullDuplexCall(iter(requests), timeout=0.001)), grpc.StatusCode.DEADLINE_EXCEEDED)
    requests.send(None)


def concurrent_large_unary(peer: Peer) -> None:
    """A thousand large calls at once."""
    request = large()
    for call in [peer.stub.UnaryCall.future(request) for _ in range(1000)]:
        same("bytes of an answer", len(call.result().payload.body), LARGE_ANSWER)


def soak(call: Callable[[], None], latency: float) -> None:
    """Ten calls, each within so many seconds."""
    for _ in range(10):
        begun = time.monotonic()
        call()
        took = time.monotonic() - begun
        if took > latency:
            raise AssertionError(f"a call took {took:.1f} s")


def rpc_soak(peer: Peer) -> None:
    """Calls one after the other."""
    soak(lambda: large_unary(peer), peer.latency)


def channel_soak(peer: Peer) -> None:
    """Calls one after the other, each on a channel of its own."""

    def call() -> None:
        fresh = Peer(peer.dial, peer.latency)
        large_unary(fresh)
        fresh.channel.close()

    soak(call, peer.latency)


CASES: dict[str, Callable[[Peer], None]] = {
    case.__name__: case
    for case in (
        empty_unary,
        large_unary,
        client_compressed_unary,
        server_compressed_unary,
        client_streaming,
        client_compressed_streaming,
        server_streaming,
        server_compressed_streaming,
        ping_pong,
        empty_stream,
        custom_metadata,
        status_code_and_message,
        special_status_message,
        unimplemented_method,
        unimplemented_service,
        cancel_after_begin,
        cancel_after_first_response,
        timeout_on_sleeping_server,
        concurrent_large_unary,
        rpc_soak,
        channel_soak,
    )
}
