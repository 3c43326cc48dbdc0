"""Both codecs read the buffers that messaging hands over, without a copy into bytes."""

from scaler.io.ymq.ymq import Bytes
from scaler.protocol import codec, message

_TASK = codec.Task(task_id=bytes(range(16)), source=b"Client|x", func_object_id=bytes(32)).encode()


def test_native_codec_reads_a_received_frame() -> None:
    task = codec.decode(Bytes(_TASK))
    assert isinstance(task, codec.Task)
    assert task.task_id == bytes(range(16))
    assert codec.peek_task(Bytes(_TASK))[0] == bytes(range(16))


def test_cold_codec_reads_a_received_frame() -> None:
    member, task = message.decode(Bytes(_TASK))
    assert (member, bytes(task.taskId)) == ("task", bytes(range(16)))
