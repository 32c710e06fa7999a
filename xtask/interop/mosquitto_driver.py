"""Drives mosquitto_sub and mosquitto_pub; see README.md for the line protocol.

A connection with filters is one mosquitto_sub; what it publishes is sent by a mosquitto_pub of
another client identifier, since neither program does both. A connection without filters comes
into being when it publishes, so that its `opened` says nothing about the broker.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from line_protocol import Open, commands, pairs, payload_bytes, payload_word, say

VERSIONS = {"3.1": "mqttv31", "3.1.1": "mqttv311", "5.0": "mqttv5"}
TIMEOUT = 20


class Connection:
    # The filters of each client identifier: mosquitto_sub cannot resume a Session without naming
    # a filter, so it is given the ones it had.
    known_filters = {}

    def __init__(self, name, port, arguments):
        self.name = name
        self.port = port
        self.arguments = arguments
        self.process = None
        self.opened = False
        self.over = threading.Lock()
        filters = arguments.filters
        if not filters and not arguments.clean:
            filters = self.known_filters.get(arguments.identifier)
        if filters:
            self.start(filters)
        else:
            say("opened", name, "-")

    def options(self, identifier):
        return ["-V", VERSIONS[self.arguments.version], "-h", "127.0.0.1", "-p", str(self.port),
                "-k", "60", "-i", identifier]

    def start(self, filters):
        """Starts mosquitto_sub."""
        arguments = self.arguments
        self.known_filters[arguments.identifier] = filters
        (qos,) = {qos for _, qos in filters}
        # Line by line, which is not what it does when it writes to a pipe.
        command = ["stdbuf", "-oL", "mosquitto_sub", "-d", "-q", str(qos), "-F", "message %t %q %r %x"]
        command += self.options(arguments.identifier)
        for topic, _ in filters:
            command += ["-t", topic]
        if not arguments.clean:
            command += ["-c"]
        if arguments.version == "5.0" and arguments.expiry:
            command += ["-x", str(arguments.expiry)]
        if arguments.will:
            will = arguments.will
            command += ["--will-topic", will.topic, "--will-qos", str(will.qos),
                        "--will-payload", will.payload.decode()]
            command += ["--will-retain"] if will.retain else []
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        """Turns what mosquitto_sub prints into events."""
        code = "-"
        for line in self.process.stdout:
            words = line.split()
            if words[:1] == ["message"]:
                topic, qos, retain, *payload = words[1:]
                say("message", self.name, topic, qos, retain,
                    payload_word(bytes.fromhex("".join(payload))))
            elif line.endswith("received CONNACK (0)\n") and not self.opened:
                self.opened = True
                threading.Thread(target=self.watch, args=[self.sockets()], daemon=True).start()
                say("opened", self.name, "-")
            elif words[:1] == ["Subscribed"]:
                say("subscribed", self.name, *(word.strip(",") for word in words[3:]))
            elif "received DISCONNECT" in line:
                code = words[-1].strip("()")
                self.closed(code)
        self.process.wait()
        self.closed(code)

    def watch(self, sockets):
        """Notices that the broker has closed the socket, before mosquitto_sub reconnects."""
        while self.process.poll() is None:
            if not sockets & self.open_files():
                self.closed("-")
            time.sleep(0.02)

    def open_files(self):
        folder = f"/proc/{self.process.pid}/fd"
        links = set()
        for entry in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):  # closed in between
                links.add(os.readlink(f"{folder}/{entry}"))
        return links

    def sockets(self):
        """Its TCP connections to the broker's port."""
        remote = f":{self.port:04X}"
        inodes = set()
        with open("/proc/net/tcp", encoding="ascii") as table:
            for row in table:
                fields = row.split()
                if fields[2].endswith(remote):
                    inodes.add(f"socket:[{fields[9]}]")
        return inodes & self.open_files()

    def closed(self, code):
        """The broker has closed the connection: ends mosquitto_sub, which would reconnect."""
        if self.over.acquire(blocking=False):
            self.process.kill()
            say("closed", self.name, code)

    def publish(self, options, lines=None):
        identifier = self.arguments.identifier + ("p" if self.process else "")
        command = ["mosquitto_pub", *self.options(identifier), *options]
        done = subprocess.run(command, input=lines, text=True, capture_output=True,
                              timeout=TIMEOUT, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"mosquitto_pub: {done.stderr.strip()}")
        say("published", self.name)

    def publish_one(self, topic, qos, retain, payload):
        options = ["-t", topic, "-q", qos, *(["-r"] if retain == "1" else [])]
        payload = payload_bytes(payload)
        if not payload:
            self.publish([*options, "-n"])
            return
        with tempfile.NamedTemporaryFile() as file:
            file.write(payload)
            file.flush()
            self.publish([*options, "-f", file.name])

    def sequence(self, topic, qos, count):
        lines = "".join(f"{i}\n" for i in range(int(count)))
        self.publish(["-t", topic, "-q", qos, "-l"], lines)

    def close(self):
        if self.process is None:
            say("closed", self.name, "-")
        else:
            # It sends DISCONNECT and ends.
            self.process.send_signal(signal.SIGTERM)


def main():
    port = int(sys.argv[-1])
    connections = {}
    for verb, name, words in commands():
        try:
            if verb == "open":
                connections[name] = Connection(name, port, Open(words))
                continue
            connection = connections[name]
            if verb == "subscribe":
                connection.start(pairs(words))
            elif verb == "publish":
                connection.publish_one(*words)
            elif verb == "sequence":
                connection.sequence(*words)
            elif verb == "close":
                connection.close()
            else:
                raise ValueError(f"mosquitto_sub cannot {verb}")
        except Exception as error:  # the runner decides what a failure means
            say("failed", name, type(error).__name__, error)


main()
