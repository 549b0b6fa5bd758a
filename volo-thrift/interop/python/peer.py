"""What both programs share: the four ways to talk, and connections to a server."""

import contextlib
import itertools
import sys

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport, TFramedTransport

PROTOCOLS = {"binary": TBinaryProtocol, "compact": TCompactProtocol}
TRANSPORTS = {"framed": TFramedTransport, "buffered": TBufferedTransport}
TIMEOUT_MS = 5_000

checks = itertools.count()


@contextlib.contextmanager
def connect(client_type, address, protocol, transport):
    """Yields a client of the generated type, connected to `host:port`."""
    host, port = address.rsplit(":", 1)
    socket = TSocket(host, int(port))
    socket.setTimeout(TIMEOUT_MS)
    wrapped = TRANSPORTS[transport](socket)
    wrapped.open()
    try:
        yield client_type(PROTOCOLS[protocol](wrapped))
    finally:
        wrapped.close()


def run_everywhere(title, walk):
    """Calls `walk(protocol, transport)` for all four combinations and ends the process with 1 if any failed."""
    failures, done = 0, next(checks)
    for protocol, transport in itertools.product(PROTOCOLS, TRANSPORTS):
        name = f"{title} {protocol} {transport}"
        try:
            walk(protocol, transport)
            before, done = done, next(checks)
            print(f"ok   {name}: {done - before - 1} checks")
        except Exception as error:  # the next combination is still worth knowing
            failures += 1
            print(f"FAIL {name}: {type(error).__name__}: {error}")
    sys.exit(1 if failures else 0)


def expect(actual, wanted, what):
    """Fails with both values unless they are equal."""
    next(checks)
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r} instead of {wanted!r}")
