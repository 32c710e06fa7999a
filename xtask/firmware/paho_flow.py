"""What a client and the broker agree on about their flow: Topic Alias and Receive Maximum, each in
both directions, with paho-mqtt. The argument is the broker's port; the exit status is not 0 if
something is not as it should be."""

import queue
import sys

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PORT = int(sys.argv[1])
PATIENCE = 20


class Client:
    """A connection, with what happens on it as a queue."""

    def __init__(self, name, **limits):
        self.events = queue.Queue()
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5, manual_ack=True
        )
        put = self.events.put
        self.client.on_connect = lambda client, data, flags, code, properties: put(
            ("connected", code.value, properties)
        )
        self.client.on_subscribe = lambda client, data, mid, codes, properties: put(
            ("subscribed", codes[0].value)
        )
        self.client.on_publish = lambda client, data, mid, code, properties: put(
            ("published", code.value)
        )
        self.client.on_message = lambda client, data, message: put(("message", message))
        properties = Properties(PacketTypes.CONNECT)
        for limit, value in limits.items():
            setattr(properties, limit, value)
        self.client.connect("127.0.0.1", PORT, properties=properties)
        self.client.loop_start()
        _, code, self.properties = self.next("connected")
        expect(code, 0, "CONNACK")

    def next(self, kind):
        event = self.events.get(timeout=PATIENCE)
        expect(event[0], kind, "the next event")
        return event

    def subscribe(self, topic, qos):
        self.client.subscribe(topic, qos)
        expect(self.next("subscribed")[1], qos, "SUBACK")

    def publish(self, topic, payload, qos, alias=None):
        properties = Properties(PacketTypes.PUBLISH)
        if alias is not None:
            properties.TopicAlias = alias
        self.client.publish(topic, payload, qos, properties=properties)
        expect(self.next("published")[1], 0, "the acknowledgement")

    def message(self):
        return self.next("message")[1]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def expect(found, wanted, what):
    if found != wanted:
        sys.exit(f"{what}: {found!r} where {wanted!r} was expected")


def topic_alias():
    """The first PUBLISH names the topic, the next only its alias."""
    receiver = Client("alias-in", TopicAliasMaximum=2)
    receiver.subscribe("flow/alias", 0)
    sender = Client("alias-out")
    expect(sender.properties.TopicAliasMaximum, 2, "Topic Alias Maximum of the broker")
    sender.publish("flow/alias", "first", 1, alias=2)
    sender.publish("", "second", 1, alias=2)
    for topic, payload in (("flow/alias", b"first"), ("", b"second")):
        message = receiver.message()
        expect(message.payload, payload, "the payload")
        expect(message.topic, topic, "the Topic Name")
        expect(message.properties.TopicAlias, 1, "the broker's Topic Alias")
    receiver.close()
    sender.close()


def receive_maximum():
    """No more messages than the client takes; QoS 0 is not counted, and shows where the others end."""
    receiver = Client("receive", ReceiveMaximum=2)
    receiver.subscribe("flow/receive", 1)
    sender = Client("send")
    expect(sender.properties.ReceiveMaximum, 8, "Receive Maximum of the broker")
    for number in range(5):
        sender.publish("flow/receive", str(number), 1)
    sender.publish("flow/receive", "mark", 0)
    held = [receiver.message(), receiver.message()]
    expect([message.payload for message in held], [b"0", b"1"], "the first messages")
    expect(receiver.message().payload, b"mark", "the message after those")
    for number in range(2, 5):
        first = held.pop(0)
        receiver.client.ack(first.mid, first.qos)
        held.append(receiver.message())
        expect(held[-1].payload, str(number).encode(), "the next message")
    for message in held:
        receiver.client.ack(message.mid, message.qos)
    receiver.close()
    sender.close()


topic_alias()
receive_maximum()
