"""Calls two servers without a pause through one grpcio client with its default settings, and counts what each call
ended with.

    python main.py --policy round_robin 127.0.0.1:50051 127.0.0.1:50061

It ends when its standard input does, and prints one line of JSON then.
"""

import argparse
import collections
import json
import sys
import threading
import time

import grpc

SERVICE = "/campus.employee.v1.EmployeeService/"


def text(number, value):
    """A field of a message that holds text or a message."""
    return bytes([number << 3 | 2, len(value)]) + value


EMPLOYEE = text(3, b"Mira") + text(4, b"Okafor")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", default="round_robin", help="round_robin, or pick_first, which is the default of gRPC")
    parser.add_argument("--workers", type=int, default=8, help="calls at once")
    parser.add_argument("addresses", nargs="+")
    args = parser.parse_args()

    for address in args.addresses:
        with grpc.insecure_channel(address) as channel:
            channel.unary_unary(SERVICE + "CreateEmployee")(text(1, EMPLOYEE) + text(2, b"drain"), timeout=10)

    # grpcio takes the whole list for the :authority of its calls if nothing else is said. That is none by RFC 3986, 3.2
    # (two ports), and the HTTP/2 library of the server refuses such calls with RST_STREAM(PROTOCOL_ERROR).
    options = [("grpc.lb_policy_name", args.policy), ("grpc.default_authority", "campus.example")]
    channel = grpc.insecure_channel("ipv4:" + ",".join(args.addresses), options)
    get, create = (channel.unary_unary(SERVICE + method) for method in ("GetEmployee", "CreateEmployee"))
    calls, failed = collections.Counter(), collections.Counter()
    stop, lock = threading.Event(), threading.Lock()

    def work():
        n = 0
        while not stop.is_set():
            name, method, message = ("Get", get, text(1, b"employees/drain"))
            if n % 8 == 0:
                name, method, message = ("Create", create, text(1, EMPLOYEE))
            n += 1
            fault = None
            try:
                method(message, timeout=10)
            except grpc.RpcError as error:
                fault = f"{name} {error.code().name}: {error.details()}"
            with lock:
                calls[name] += 1
                if fault:
                    failed[fault] += 1
            # A steady load, not as much as the machine can bear.
            time.sleep(0.002)

    workers = [threading.Thread(target=work) for _ in range(args.workers)]
    for worker in workers:
        worker.start()
    sys.stdin.read()
    stop.set()
    for worker in workers:
        worker.join()
    channel.close()
    print(json.dumps({"client": "grpcio " + grpc.__version__, "policy": args.policy, "calls": calls, "failed": failed}))


if __name__ == "__main__":
    main()
