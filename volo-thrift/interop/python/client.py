"""Calls a server of ours in every way: client.py ADDRESS."""

import functools
import math
import sys
import uuid
from types import SimpleNamespace

import evolved.Interop
from interop import Interop
from interop.constants import EARLIER, LATER, SAMPLES
from interop.ttypes import Extra, Mismatch, Point, Refused
from peer import cell, connect, everywhere, expect, finish
from thrift.Thrift import TApplicationException, TMessageType, TType


def echo(client, sample):
    expect(client.echo(sample), sample, "the echo")


def unknown_there(client, later, earlier):
    reply = client.echoEarlier(later, False, [Extra(flag=True), Extra()])
    expect(reply, earlier, "the echo of what is known")


def unknown_here(client, earlier):
    expect(client.later(earlier.name), earlier, "what is known of the reply")


def reverse(client, length):
    value = bytes(i % 256 for i in range(length))
    expect(client.reverse(value) == value[::-1], True, "whether the bytes came back")


def doubles(client):
    expect(client.scale(1.5, -3), -4.5, "1.5 times -3")
    for value in [math.inf, -math.inf, 5e-324, sys.float_info.max]:
        expect(client.scale(value, 1), value, "the double")
    expect(math.isnan(client.scale(math.nan, 1)), True, "whether NaN came back")
    expect(math.copysign(1, client.scale(-0.0, 1)), -1.0, "the sign of -0")


def throws(call, kind, **wanted):
    try:
        result = call()
    except kind as error:
        for field, value in wanted.items():
            expect(getattr(error, field), value, field)
        return
    raise AssertionError(f"{kind.__name__} was to be thrown, but: {result}")


def oneway(client):
    before = client.count()
    client.bump(5)
    expect(client.count(), before + 5, "the count after a oneway call")


def unknown_method(client, newer):
    throws(newer.missing, TApplicationException, type=TApplicationException.UNKNOWN_METHOD)
    client.nothing()  # and the connection lives


class ByHand:
    """A client of Identity, which Debian's compiler can't generate."""

    def __init__(self, protocol):
        self.protocol = protocol

    def identify(self, *ids):
        """Sends the ids as arguments from 1 on, of which the server knows the first."""
        out = self.protocol
        out.writeMessageBegin("identify", TMessageType.CALL, 1)
        out.writeStructBegin("identify_args")
        for number, id in enumerate(ids, 1):
            out.writeFieldBegin("id", TType.UUID, number)
            out.writeUuid(id)
            out.writeFieldEnd()
        out.writeFieldStop()
        out.writeStructEnd()
        out.writeMessageEnd()
        out.trans.flush()
        _, kind, _ = self.protocol.readMessageBegin()
        expect(kind, TMessageType.REPLY, "the kind of the reply")
        self.protocol.readStructBegin()
        expect(self.protocol.readFieldBegin()[1:], (TType.UUID, 0), "the result's type")
        return self.protocol.readUuid()


def identify(client, *ids):
    expect(client.identify(*ids), ids[0], "the id")


def failure(client):
    throws(lambda: client.fail("why"), TApplicationException, type=TApplicationException.INTERNAL_ERROR, message="why")
    client.nothing()


def run(address, protocol, transport):
    test = functools.partial(on_a_connection, address, protocol, transport)
    for sample in SAMPLES:
        test(sample.name, Interop, echo, sample)
    for later, earlier in zip(LATER, EARLIER):
        test(f"unknown to the server: {later.name}", evolved.Interop, unknown_there, later, earlier)
        test(f"unknown to the client: {later.name}", evolved.Interop, unknown_here, earlier)
    test("binary with every byte", Interop, reverse, 76_800)
    test("a message of 3 MB", Interop, reverse, 3_000_000)
    test("no arguments and no result", Interop, lambda client: expect(client.nothing(), None, "the result"))
    test("doubles", Interop, doubles)
    ids = [uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"), uuid.uuid4()]
    test("uuid", SimpleNamespace(Client=ByHand), identify, ids[0])
    test("unknown to the server: uuid", SimpleNamespace(Client=ByHand), identify, *ids)
    test("the first declared exception", Interop, lambda client: throws(lambda: client.refuse(-1), Mismatch, name="negative"))
    refused = {"reason": "refused", "code": 7, "where": Point(x=7, y=-7)}
    test("the second declared exception", Interop, lambda client: throws(lambda: client.refuse(7), Refused, **refused))
    test("a handler that fails", Interop, failure)
    test("oneway", Interop, oneway)
    test("unknown method", evolved.Interop, lambda newer: unknown_method(Interop.Client(newer._iprot), newer))


def on_a_connection(address, protocol, transport, case, service, run, *arguments):
    def connected():
        with connect(service.Client, address, protocol, transport) as client:
            run(client, *arguments)

    cell(f"{protocol} {transport}: {case}", connected)


for way in everywhere():
    run(sys.argv[1], *way)
finish()
