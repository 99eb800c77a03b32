"""Goes through one interop case on grpcio, with the flags that such clients have."""

import argparse
import sys
from pathlib import Path

import grpc
from cases import CASES, Peer
from server import flag


def main() -> int:
    """0 passed, 1 failed, 2 bad usage."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--test_case", choices=sorted(CASES), default="large_unary")
    flags.add_argument("--server_host", default="localhost")
    flags.add_argument("--server_port", type=int, default=10000)
    flags.add_argument("--server_host_override")
    flags.add_argument("--use_tls", type=flag, default=False, nargs="?", const=True)
    flags.add_argument("--use_test_ca", type=flag, default=False, nargs="?", const=True)
    flags.add_argument("--ca_file", type=Path)
    flags.add_argument("--soak_per_iteration_max_acceptable_latency_ms", type=int, default=1000, dest="latency")
    flags.add_argument("--soak_overall_timeout_seconds", type=int, help="not looked at")
    args = flags.parse_args()

    target = f"{args.server_host}:{args.server_port}"
    name = args.server_host_override
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.default_authority", name or target)]

    def dial() -> grpc.Channel:
        if not args.use_tls:
            return grpc.insecure_channel(target, options)
        authorities = args.ca_file.read_bytes() if args.use_test_ca else None
        named = [("grpc.ssl_target_name_override", name)] if name else []
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(authorities), options + named)

    try:
        CASES[args.test_case](Peer(dial, args.latency / 1000))
    except (AssertionError, grpc.RpcError) as error:
        print(f"{args.test_case}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
