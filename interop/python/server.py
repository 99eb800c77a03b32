"""The test service on grpcio, with the flags that such servers have."""

import argparse
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from pathlib import Path

import grpc
import test_pb2 as pb
import test_pb2_grpc as stubs

INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"


def echo(context: grpc.ServicerContext) -> None:
    """Gives back the metadata that the caller wants back."""
    given = dict(context.invocation_metadata())
    if INITIAL in given:
        context.send_initial_metadata(((INITIAL, given[INITIAL]),))
    if TRAILING in given:
        context.set_trailing_metadata(((TRAILING, given[TRAILING]),))


def end_as_wanted(request: pb.SimpleRequest, context: grpc.ServicerContext) -> None:
    """Ends the call if the request has a status to end it with."""
    wanted = request.response_status
    if wanted.code:
        codes = {code.value[0]: code for code in grpc.StatusCode}
        context.abort(codes[wanted.code], wanted.message)


class Cases(stubs.TestServiceServicer):
    """Answers as each request asks. What came compressed grpcio does not tell, so nothing is refused for that."""

    def EmptyCall(self, request, context):  # noqa: N802
        """Nothing, for nothing."""
        return pb.Empty()

    def UnaryCall(self, request, context):  # noqa: N802
        """One payload, for one."""
        end_as_wanted(request, context)
        if request.response_compressed.value:
            context.set_compression(grpc.Compression.Gzip)
        echo(context)
        return pb.SimpleResponse(payload=pb.Payload(body=bytes(request.response_size)))

    def StreamingInputCall(self, request_iterator, context):  # noqa: N802
        """The size of all payloads together."""
        size = sum(len(request.payload.body) for request in request_iterator)
        return pb.StreamingInputCallResponse(aggregated_payload_size=size)

    def StreamingOutputCall(self, request, context):  # noqa: N802
        """A message for each that is asked for."""
        if any(asked.compressed.value for asked in request.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        yield from self.answers([request], context)

    def FullDuplexCall(self, request_iterator, context):  # noqa: N802
        """The same for each request as it comes."""
        echo(context)
        yield from self.answers(request_iterator, context)

    @staticmethod
    def answers(requests: Iterable, context: grpc.ServicerContext) -> Iterator:
        """A message for each that a request asks for."""
        for request in requests:
            end_as_wanted(request, context)
            for asked in request.response_parameters:
                time.sleep(asked.interval_us / 1e6)
                if asked.HasField("compressed") and not asked.compressed.value:
                    context.disable_next_message_compression()
                yield pb.StreamingOutputCallResponse(payload=pb.Payload(body=bytes(asked.size)))


def flag(text: str) -> bool:
    """What follows --use_tls."""
    return text.lower() in ("true", "1", "yes")


def main() -> None:
    """Serves until SIGTERM."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--port", type=int, default=10000, help="0 takes any free one, which the first line tells")
    flags.add_argument("--use_tls", type=flag, default=False, nargs="?", const=True)
    flags.add_argument("--tls_cert_file", type=Path)
    flags.add_argument("--tls_key_file", type=Path)
    args = flags.parse_args()

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    stubs.add_TestServiceServicer_to_server(Cases(), server)
    bind: Callable[[str], int] = server.add_insecure_port
    if args.use_tls:
        pair = (args.tls_key_file.read_bytes(), args.tls_cert_file.read_bytes())
        credentials = grpc.ssl_server_credentials([pair])

        def bind(address: str) -> int:
            return server.add_secure_port(address, credentials)

    port = bind(f"127.0.0.1:{args.port}")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.stop(grace=1).wait()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
