"""Serves the shared IDL until it is killed, at a port for each protocol and transport; prints where it listens."""

import socket
import threading
import time

from interop import Interop
from interop.constants import EARLIER, LATER, SAMPLES
from interop.ttypes import Mismatch, Point, Refused
from peer import PROTOCOLS, TRANSPORTS, everywhere
from thrift.server.TServer import TThreadedServer
from thrift.transport.TSocket import TServerSocket


def only_a_sample(samples, value):
    if value in samples:
        return value
    raise Mismatch(name=value.name)


class Handler:
    def __init__(self):
        self.counter = 0

    def echo(self, value):
        return only_a_sample(SAMPLES, value)

    def echoEarlier(self, value):
        return only_a_sample(EARLIER, value)

    def later(self, name):
        for later in LATER:
            if later.name == name:
                return later
        raise Mismatch(name=name)

    def reverse(self, value):
        return value[::-1]

    def scale(self, value, by):
        return value * by

    def nothing(self):
        pass

    def refuse(self, code):
        if code < 0:
            raise Mismatch(name="negative")
        raise Refused(reason="refused", code=code, where=Point(x=code, y=-code))

    def fail(self, text):
        raise RuntimeError(text)

    def bump(self, by):
        self.counter += by

    def count(self):
        return self.counter

    def sleep(self, durationMs, text):
        time.sleep(durationMs / 1000)
        return text

    def stop(self):
        raise RuntimeError("ends with its process")


def listen(protocol, transport):
    """Opens a port and says where; returns the server that will answer there."""
    listener = TServerSocket("127.0.0.1", 0, socket_family=socket.AF_INET)
    listener.listen()
    port = listener.handle.getsockname()[1]
    listener.listen = lambda: None  # the server would do it again
    print(f"{protocol}-{transport} listens at 127.0.0.1:{port}", flush=True)
    return TThreadedServer(
        Interop.Processor(Handler()), listener, TRANSPORTS[transport](), PROTOCOLS[protocol](), daemon=True
    )


# All say where they listen before any thread starts: lines from threads can run into each other.
servers = [listen(*way) for way in everywhere()]
for server in servers:
    threading.Thread(target=server.serve).start()
