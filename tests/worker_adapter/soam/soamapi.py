"""A stand-in for IBM's soamapi, which is not publicly available: what the adapter uses of its documented interface.

Each task runs in a process of its own (soam_service.py), as one of Symphony's service instances would run it. The
service named "Nowhere" cannot be connected to.
"""

import array
import enum
import itertools
import pickle
import subprocess
import sys
import threading
from pathlib import Path

_SERVICE = Path(__file__).with_name("soam_service.py")


class SoamException(Exception):
    """What the library raises, and gives to callbacks."""

    def __init__(self, text, embedded=None):
        super().__init__(text)
        self._embedded = embedded

    def get_embedded_exception(self):
        return self._embedded


class SessionFlags(enum.Enum):
    PARTIAL_ASYNC = 1


class Message:
    """Base of messages."""


class SessionCallback:
    """Base of callbacks."""


class DefaultSecurityCallback:
    def __init__(self, user, password):
        self.user, self.password = user, password


class SessionCreationAttributes:
    def set_session_type(self, value):
        assert value == "RecoverableAllHistoricalData"

    def set_session_name(self, value):
        assert value == "ScalerSession"

    def set_session_flags(self, value):
        assert value is SessionFlags.PARTIAL_ASYNC

    def set_session_callback(self, callback):
        assert isinstance(callback, SessionCallback)
        self.callback = callback


class TaskSubmissionAttributes:
    def set_task_input(self, message):
        assert isinstance(message, Message)
        self.message = message


class _Stream:
    """An array of signed bytes, written or to be read."""

    def __init__(self, data=None):
        self.data = data

    def write_byte_array(self, data, offset, length):
        assert isinstance(data, array.array) and data.typecode == "b"
        self.data = data[offset : offset + length]

    def read_byte_array(self, typecode):
        assert typecode == "b"
        return self.data


class _TaskInput:
    def __init__(self, number):
        self._number = number

    def get_id(self):
        return self._number


class _TaskOutput(_TaskInput):
    def __init__(self, number, payload, error):
        super().__init__(number)
        self._payload = payload
        self._error = error

    def is_successful(self):
        return self._error is None

    def get_exception(self):
        return self._error

    def populate_task_output(self, message):
        message.on_deserialize(_Stream(array.array("b", self._payload)))


class _Session:
    def __init__(self, callback):
        self._callback = callback
        self._numbers = itertools.count(1)

    def send_task_input(self, attributes):
        stream = _Stream()
        attributes.message.on_serialize(stream)
        number = next(self._numbers)
        threading.Thread(target=self._run, args=(number, stream.data.tobytes()), daemon=True).start()
        return _TaskInput(number)

    def _run(self, number, payload):
        done = subprocess.run([sys.executable, str(_SERVICE)], input=payload, stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            error = SoamException(f"the service instance exited with code {done.returncode}")
            self._callback.on_response(_TaskOutput(number, b"", error))
            return
        succeeded, content = pickle.loads(done.stdout)
        error = None if succeeded else SoamException("the function raised", pickle.loads(content))
        self._callback.on_response(_TaskOutput(number, content, error))


class _Connection:
    def create_session(self, attributes):
        return _Session(attributes.callback)


_initialized = False


def initialize():
    global _initialized
    _initialized = True


def connect(service_name, security):
    assert _initialized and (security.user, security.password) == ("Guest", "Guest")
    if service_name == "Nowhere":
        raise SoamException("no service Nowhere")
    return _Connection()
