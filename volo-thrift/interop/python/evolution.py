"""Sends every field type, known and unknown, to a server of the older IDL: evolution.py ADDRESS."""

import sys

from evolved import TypesService
from evolved.ttypes import Colour, Extra, Point, Refused, Shape, Types
from peer import connect, expect, run_everywhere
from thrift.Thrift import TApplicationException

KNOWN = {
    "aBool": [True, False],
    "anI8": [-128, 0, 127],
    "anI16": [-(2**15), 2**15 - 1],
    "anI32": [-(2**31), -1, 2**31 - 1],
    "anI64": [-(2**63), 2**63 - 1],
    "aDouble": [-0.0, 1.5e300, float("inf")],
    "aString": ["", "short", "ünï → 漢字 🦀", "long " * 1000],
    "aBinary": [b"", bytes(range(256)) * 300],
    "anEnum": [Colour.BLUE, Colour.VIOLET, 12345],
    "aStruct": [Point(x=-1, y=2)],
    "aUnion": [Shape(radius=0.5), Shape(point=Point(x=1, y=2)), Shape(path=[Point(x=0, y=i) for i in range(20)])],
    "bools": [[], [True, False] * 20],
    "i8s": [list(range(-128, 128))],
    "i16s": [[], [-(2**15), 0, 2**15 - 1]],
    "i32s": [[2**31 - 1, -(2**31)], list(range(1000))],
    "i64s": [[2**63 - 1, -(2**63), 0]],
    "doubles": [[0.1 * i for i in range(100)]],
    "strings": [["", "a", "b" * 500]],
    "points": [[Point(x=i, y=-i) for i in range(17)]],
    "stringSet": [set(), {"a", "b", "c"}],
    "i64Set": [{1, 2**62, -5}],
    "numbers": [{}, {"one": 1, "two": 2}],
    "pointsById": [{i: Point(x=i, y=i) for i in range(5)}],
    "flags": [{"yes": True, "no": False}],
    "nested": [[{"a": [1, 2], "b": []}, {}]],
    "children": [[Types(name="child", aBool=False, plainBool=True, plainI64=1), Types(name="", plainBool=False, plainI64=0)]],
    "farString": ["far"],
    "farBool": [True, False],
}

EXTRA = Extra(flag=True, text="deep", inner=[Extra(flag=False), Extra(inner=[Extra(text="deeper")])])

UNKNOWN = {
    "newBool": [True, False],
    "newI8": [-1],
    "newI16": [-300],
    "newI32": [2**31 - 1],
    "newI64": [-(2**63)],
    "newDouble": [2.5],
    "newString": ["", "unknown " * 200],
    "newBinary": [bytes(10_000)],
    "newEnum": [Colour.VIOLET],
    "newStruct": [Extra(), EXTRA],
    "newBools": [[True, False, True]],
    "newI8s": [list(range(100))],
    "newI32s": [list(range(-50, 50))],
    "newDoubles": [[1.0, 2.0]],
    "newStrings": [["x", "", "y" * 300]],
    "newStructs": [[EXTRA, Extra()] * 8],
    "newSet": [{1, 2, 3}],
    "newMap": [{"k": 1}],
    "newNested": [{"k": [{1: EXTRA}, {}]}],
    "newBoolMap": [{True: False, False: True}],
    "newEmptyList": [[]],
    "newEmptyMap": [{}],
    "newFarBool": [True, False],
}


def messages():
    """Pairs of a message's known and unknown fields: each value alone, each unknown beside a known, and all together."""
    for field, values in KNOWN.items():
        for value in values:
            yield {field: value}, {}
    for field, values in UNKNOWN.items():
        for value in values:
            yield {}, {field: value}
            yield {"aBool": False, "aString": "beside", "farBool": True}, {field: value}
    yield {field: values[-1] for field, values in KNOWN.items()}, {
        field: values[-1] for field, values in UNKNOWN.items()
    }


def echo(client, known, unknown):
    known = {"plainBool": True, "plainI64": -7, **known}
    sent = Types(name="evolution", **known, **unknown)
    reply = client.echo(sent, True, [EXTRA])
    expect(reply, Types(name="evolution", **known), f"reply to {sorted(known)} with unknown {sorted(unknown)}")


def walk(protocol, transport):
    with connect(TypesService.Client, sys.argv[1], protocol, transport) as client:
        for known, unknown in messages():
            echo(client, known, unknown)

        nested = Types(name="point", aStruct=Point(x=1, y=2, z=3), plainBool=False, plainI64=0)
        expect(client.echo(nested, False, []).aStruct, Point(x=1, y=2), "a struct with an unknown field")

        try:
            client.refuse("because")
            raise AssertionError("Refused was to be thrown")
        except Refused as error:
            expect(error.reason, "because", "reason")

        before = client.count()
        client.bump(5)
        expect(client.count(), before + 5, "count after a oneway call")

        try:
            client.later()
            raise AssertionError("an unknown method was served")
        except TApplicationException as error:
            expect(error.type, TApplicationException.UNKNOWN_METHOD, "type of the exception")
        echo(client, {"aBool": True}, {})  # and the connection lives


run_everywhere("evolution", walk)
