"""Drives paho-mqtt; see README.md for the line protocol."""

import sys

from paho.mqtt.client import CallbackAPIVersion, Client, MQTTv5, MQTTv31, MQTTv311
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from line_protocol import Open, commands, pairs, payload_bytes, payload_word, say

VERSIONS = {"3.1": MQTTv31, "3.1.1": MQTTv311, "5.0": MQTTv5}
TIMEOUT = 20


class Connection:
    def __init__(self, name, port, arguments):
        self.name = name
        self.five = arguments.version == "5.0"
        self.filters = arguments.filters
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=arguments.identifier,
            clean_session=None if self.five else arguments.clean,
            protocol=VERSIONS[arguments.version],
            reconnect_on_failure=False,
        )
        self.client.on_connect = self.on_connect
        self.client.on_subscribe = self.on_subscribe
        self.client.on_unsubscribe = lambda *_: say("unsubscribed", name)
        self.client.on_message = self.on_message
        self.client.on_disconnect = self.on_disconnect
        if arguments.will:
            will = arguments.will
            self.client.will_set(will.topic, will.payload, will.qos, will.retain)
        five_only = {}
        if self.five:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = arguments.expiry
            five_only = {"clean_start": arguments.clean, "properties": properties}
        self.client.connect("127.0.0.1", port, keepalive=60, **five_only)
        self.client.loop_start()

    def on_connect(self, _client, _userdata, flags, reason, _properties):
        if reason.is_failure:
            say("failed", self.name, "refused", reason.value)
            return
        say("opened", self.name, int(flags.session_present))
        if self.filters:
            self.subscribe(self.filters)

    def subscribe(self, filters):
        if self.five:
            filters = [(topic, SubscribeOptions(qos=qos)) for topic, qos in filters]
        self.client.subscribe(filters)

    def on_subscribe(self, _client, _userdata, _mid, reasons, _properties):
        say("subscribed", self.name, *(reason.value for reason in reasons))

    def on_message(self, _client, _userdata, message):
        say("message", self.name, message.topic, message.qos, int(message.retain),
            payload_word(message.payload))

    def on_disconnect(self, _client, _userdata, flags, reason, _properties):
        told = self.five and flags.is_disconnect_packet_from_server
        say("closed", self.name, reason.value if told else "-")

    def publish(self, topic, qos, retain, payloads):
        sent = [self.client.publish(topic, payload, qos, retain) for payload in payloads]
        for information in sent:
            information.wait_for_publish(timeout=TIMEOUT)
            if not information.is_published():
                raise TimeoutError("not acknowledged")
        say("published", self.name)


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
                connection.subscribe(pairs(words))
            elif verb == "unsubscribe":
                connection.client.unsubscribe(words[0])
            elif verb == "publish":
                topic, qos, retain, payload = words
                connection.publish(topic, int(qos), retain == "1", [payload_bytes(payload)])
            elif verb == "sequence":
                topic, qos, count = words
                connection.publish(
                    topic, int(qos), False, [str(i) for i in range(int(count))])
            elif verb == "close":
                connection.client.disconnect()
        except Exception as error:  # the runner decides what a failure means
            say("failed", name, type(error).__name__, error)


main()
