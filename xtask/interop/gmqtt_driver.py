"""Drives gmqtt; see README.md for the line protocol."""

import asyncio
import logging
import sys
import threading

import gmqtt
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.storage import PersistentStorage

from line_protocol import Open, commands, pairs, payload_bytes, payload_word, say

VERSIONS = {"3.1.1": MQTTv311, "5.0": MQTTv50}
TIMEOUT = 20
# gmqtt refuses to have more than the server's Receive Maximum in flight instead of waiting.
BATCH = 10


class Connection:
    def __init__(self, name, arguments):
        self.name = name
        self.five = arguments.version == "5.0"
        self.version = VERSIONS[arguments.version]
        self.filters = arguments.filters
        self.over = False
        # gmqtt keeps unacknowledged packets here, so "empty" means "all acknowledged".
        self.storage = PersistentStorage()
        options = {"session_expiry_interval": arguments.expiry} if self.five else {}
        if arguments.will:
            will = arguments.will
            options["will_message"] = gmqtt.Message(
                will.topic, will.payload, qos=will.qos, retain=will.retain)
        self.client = gmqtt.Client(
            arguments.identifier,
            clean_session=arguments.clean,
            persistent_storage=self.storage,
            **options,
        )
        # With 0 it reconnects once; below -1 (which means for ever), never.
        self.client.set_config({"reconnect_retries": -2, "reconnect_delay": 0})
        self.client.on_connect = self.on_connect
        self.client.on_message = self.on_message
        self.client.on_subscribe = self.on_subscribe
        self.client.on_unsubscribe = lambda *_: say("unsubscribed", name)
        self.client.on_disconnect = self.on_disconnect

    def on_connect(self, _client, session_present, _code, _properties):
        say("opened", self.name, session_present)
        if self.filters:
            self.subscribe(self.filters)

    def subscribe(self, filters):
        self.client.subscribe([gmqtt.Subscription(topic, qos=qos) for topic, qos in filters])

    def on_subscribe(self, _client, _mid, codes, _properties):
        say("subscribed", self.name, *codes)

    async def on_message(self, _client, topic, payload, qos, properties):
        say("message", self.name, topic, qos, properties["retain"], payload_word(payload))
        return 0

    def on_disconnect(self, _client, packet, *_):
        told = self.five and isinstance(packet, (bytes, bytearray)) and packet
        self.closed(packet[0] if told else "-")

    def closed(self, code):
        if not self.over:
            self.over = True
            say("closed", self.name, code)

    async def open(self, port):
        await self.client.connect("127.0.0.1", port, keepalive=60, version=self.version)

    async def publish(self, topic, qos, retain, payloads):
        for start in range(0, len(payloads), BATCH):
            for payload in payloads[start:start + BATCH]:
                self.client.publish(topic, payload, qos=qos, retain=retain)
            await asyncio.wait_for(self.storage.wait_empty(), TIMEOUT)
        say("published", self.name)

    async def close(self):
        self.over = True
        await self.client.disconnect()
        say("closed", self.name, "-")


async def carry_out(connections, port, verb, name, words):
    try:
        if verb == "open":
            connections[name] = Connection(name, Open(words))
            await connections[name].open(port)
            return
        connection = connections[name]
        if verb == "subscribe":
            connection.subscribe(pairs(words))
        elif verb == "unsubscribe":
            connection.client.unsubscribe(words[0])
        elif verb == "publish":
            topic, qos, retain, payload = words
            await connection.publish(topic, int(qos), retain == "1", [payload_bytes(payload)])
        elif verb == "sequence":
            topic, qos, count = words
            payloads = [str(i) for i in range(int(count))]
            await connection.publish(topic, int(qos), False, payloads)
        elif verb == "close":
            await connection.close()
    except Exception as error:  # the runner decides what a failure means
        say("failed", name, type(error).__name__, error)


async def main():
    # Its warnings go to standard error, where the runner shows them beside a failure.
    logging.basicConfig(level=logging.WARNING)
    port = int(sys.argv[-1])
    connections = {}
    queue = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read():
        for command in commands():
            loop.call_soon_threadsafe(queue.put_nowait, command)
        loop.call_soon_threadsafe(queue.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    while (command := await queue.get()) is not None:
        await carry_out(connections, port, *command)


asyncio.run(main())
