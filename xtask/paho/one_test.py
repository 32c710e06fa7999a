"""Runs one test of an Eclipse Paho interoperability suite.

usage: one_test.py DIRECTORY SUITE TEST PORT

DIRECTORY is a checkout of eclipse-paho/paho.mqtt.testing, SUITE the name of one of its modules. The
suites read their settings from the command line into globals, and one of them passes the line on to
unittest, which does not know it; here the globals are set. A test that catches what goes wrong and
returns False counts as failed.
"""

import importlib
import os
import sys
import traceback

TOPICS = ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")
WILD_TOPICS = ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")


def load(directory, suite, port):
    """The module of a suite, with the settings that its own main program would make."""
    os.chdir(os.path.join(directory, "interoperability"))
    sys.path.insert(0, os.getcwd())
    sys.dont_write_bytecode = True
    module = importlib.import_module(suite)
    module.host = "127.0.0.1"
    module.port = port
    module.topics = TOPICS
    module.wildtopics = WILD_TOPICS
    module.nosubscribe_topics = ("test/nosubscribe",)
    module.topic_prefix = "client_test5/"
    return module


def succeeds(module, name):
    """Whether the test neither raises nor returns False."""
    try:
        module.Test.setUpClass()
        test = module.Test(name)
        return getattr(test, name)() is not False
    except BaseException:  # SystemExit too: a suite may not end this program
        traceback.print_exc()
        return False


def main():
    directory, suite, name, port = sys.argv[1:]
    status = 0 if succeeds(load(directory, suite, int(port)), name) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    # The suites leave threads behind that read from closed sockets.
    os._exit(status)


main()
