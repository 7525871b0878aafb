"""A tiny CBOR encoder and decoder (RFC 8949) for hand-made RPC v2 CBOR bodies."""

import datetime
import math
import struct


class Half(float):
    """A float to be written in 16 bits."""


class Single(float):
    """A float to be written in 32 bits."""


class Time:
    """Tag 1; `value` is an int or a float of epoch seconds."""

    def __init__(self, value):
        self.value = value


def encode(value, indefinite=False):
    """Bytes of `value`; with `indefinite`, maps, lists and texts have no length and end by break."""
    if value is None:
        return b"\xf6"
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, Half):
        return b"\xf9" + struct.pack(">e", value)
    if isinstance(value, Single):
        return b"\xfa" + struct.pack(">f", value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, Time):
        return head(6, 1) + encode(value.value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        if indefinite and text:
            half = len(text) // 2 if text.isascii() else 0
            pieces = [piece for piece in (text[:half], text[half:]) if piece]
            return b"\x7f" + b"".join(head(3, len(piece)) + piece for piece in pieces) + b"\xff"
        return head(3, len(text)) + text
    if isinstance(value, dict):
        items = b"".join(encode(k) + encode(v, indefinite) for k, v in value.items())
        return b"\xbf" + items + b"\xff" if indefinite else head(5, len(value)) + items
    items = b"".join(encode(item, indefinite) for item in value)
    return b"\x9f" + items + b"\xff" if indefinite else head(4, len(value)) + items


def head(major, argument):
    for limit, extra, form in ((24, None, None), (1 << 8, 24, ">B"), (1 << 16, 25, ">H"), (1 << 32, 26, ">I"), (1 << 64, 27, ">Q")):
        if argument < limit:
            if extra is None:
                return bytes([major << 5 | argument])
            return bytes([major << 5 | extra]) + struct.pack(form, argument)
    raise ValueError(argument)


BREAK = object()


def decode(data):
    """The one value in `data`; fails when bytes are left. Tag 1 becomes an aware datetime."""
    value, position = item(data, 0)
    assert position == len(data), f"{len(data) - position} bytes after the value"
    return value


def item(data, at):
    major, low = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        simple = {20: False, 21: True, 22: None, 31: BREAK}
        if low in simple:
            return simple[low], at
        size, form = {25: (2, ">e"), 26: (4, ">f"), 27: (8, ">d")}[low]
        return struct.unpack(form, data[at : at + size])[0], at + size
    if low == 31:
        return indefinite_item(major, data, at)
    argument = low
    if low >= 24:
        size = 1 << (low - 24)
        argument, at = int.from_bytes(data[at : at + size], "big"), at + size
    if major == 0:
        return argument, at
    if major == 1:
        return -1 - argument, at
    if major in (2, 3):
        piece = data[at : at + argument]
        assert len(piece) == argument, "truncated"
        return (piece if major == 2 else piece.decode()), at + argument
    if major == 6:
        value, at = item(data, at)
        assert argument == 1, f"tag {argument}"
        assert not (isinstance(value, float) and math.isnan(value))
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc), at
    values = []
    for _ in range(argument * (2 if major == 5 else 1)):
        value, at = item(data, at)
        values.append(value)
    return (dict(zip(values[::2], values[1::2])) if major == 5 else values), at


def indefinite_item(major, data, at):
    values = []
    while True:
        value, at = item(data, at)
        if value is BREAK:
            break
        values.append(value)
    if major == 2:
        return b"".join(values), at
    if major == 3:
        return "".join(values), at
    return (dict(zip(values[::2], values[1::2])) if major == 5 else values), at
