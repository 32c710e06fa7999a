"""The line protocol of README.md, as the Python drivers speak it."""

import sys
import threading

_PERIOD = bytes(range(251))
_LOCK = threading.Lock()


def fill(length):
    """`length` bytes of which byte i is i mod 251."""
    return (_PERIOD * (length // len(_PERIOD) + 1))[:length]


def payload_bytes(word):
    """The bytes that a PAYLOAD word stands for."""
    kind, _, rest = word.partition(":")
    if kind == "empty":
        return b""
    if kind == "text":
        return rest.encode()
    if kind == "fill":
        return fill(int(rest))
    raise ValueError(f"no such payload: {word}")


def payload_word(payload):
    """The PAYLOAD word that stands for these bytes."""
    payload = bytes(payload)
    if not payload:
        return "empty"
    if len(payload) <= 64 and payload.isascii() and not any(b <= 32 for b in payload):
        return "text:" + payload.decode()
    if payload == fill(len(payload)):
        return f"fill:{len(payload)}"
    return f"bytes:{len(payload)}"


def say(*words):
    """Writes one event."""
    with _LOCK:
        sys.stdout.write(" ".join(str(word) for word in words) + "\n")
        sys.stdout.flush()


def pairs(words):
    """`FILTER QOS FILTER QOS` as a list of pairs."""
    return [(words[i], int(words[i + 1])) for i in range(0, len(words), 2)]


class Will:
    """A WILL word that is not `-`."""

    def __init__(self, word):
        topic, qos, retain, payload = word.split(",")
        self.topic = topic
        self.qos = int(qos)
        self.retain = retain == "1"
        self.payload = payload_bytes(payload)


class Open:
    """The arguments of `open`, after NAME."""

    def __init__(self, words):
        self.version, self.identifier, clean, expiry, will = words[:5]
        self.clean = clean == "1"
        self.expiry = int(expiry)
        self.will = None if will == "-" else Will(will)
        self.filters = pairs(words[5:])


def commands():
    """Every command read from standard input: its verb, NAME and the other words."""
    for line in sys.stdin:
        verb, name, *rest = line.split()
        yield verb, name, rest
