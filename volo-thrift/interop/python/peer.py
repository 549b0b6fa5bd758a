"""What the programs share: the four ways to talk, connections to a server, and a line for each cell."""

import contextlib
import itertools
import json
import sys

from thrift.protocol.TBinaryProtocol import TBinaryProtocolFactory
from thrift.protocol.TCompactProtocol import TCompactProtocolFactory
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransportFactory, TFramedTransportFactory

PROTOCOLS = {"binary": TBinaryProtocolFactory, "compact": TCompactProtocolFactory}
TRANSPORTS = {"framed": TFramedTransportFactory, "buffered": TBufferedTransportFactory}
TIMEOUT_MS = 5_000

failures = 0


def everywhere():
    """Pairs of a protocol and a transport."""
    return itertools.product(PROTOCOLS, TRANSPORTS)


@contextlib.contextmanager
def connect(client_type, address, protocol, transport):
    """Yields a client of the generated type, connected to `host:port`."""
    host, port = address.rsplit(":", 1)
    socket = TSocket(host, int(port))
    socket.setTimeout(TIMEOUT_MS)
    wrapped = TRANSPORTS[transport]().getTransport(socket)
    wrapped.open()
    try:
        yield client_type(PROTOCOLS[protocol]().getProtocol(wrapped))
    finally:
        wrapped.close()


def cell(case, run, *arguments):
    """Calls `run` and prints how it went."""
    global failures
    line = {"suite": "interop", "peer": "python", "direction": "peer->us", "case": case, "pass": True}
    try:
        run(*arguments)
    except Exception as error:  # the next cell is still worth knowing
        failures += 1
        line |= {"pass": False, "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(line, ensure_ascii=False, separators=(",", ":")), flush=True)


def finish():
    """Ends the process with 1 if a cell failed."""
    sys.exit(1 if failures else 0)


def expect(actual, wanted, what):
    """Fails with both values unless they are equal."""
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r} instead of {wanted!r}")
