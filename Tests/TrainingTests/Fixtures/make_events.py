"""Records of an event file as TensorBoard's own messages and its own checksum make them: events.json.

pip install tensorboard numpy; python make_events.py > events.json
"""

import json
import struct

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c


def record(event):
    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    masked = struct.pack("<I", masked_crc32c(length)), struct.pack("<I", masked_crc32c(data))
    return (length + masked[0] + data + masked[1]).hex()


def summary(step, *values):
    return Event(wall_time=1.5, step=step, summary=Summary(value=values))


def event_file():
    Value = Summary.Value
    yield Event(wall_time=1.5, file_version="brain.Event:2")
    yield Event(wall_time=1.5, step=8, session_log=SessionLog(status=SessionLog.START))
    yield summary(300, Value(tag="loss/step", simple_value=0.25), Value(tag="learning_rate", simple_value=0.1))
    yield summary(
        300, Value(tag="weights/0.bias", histo=HistogramProto(
            min=-1, max=3, num=4, sum=4, sum_squares=14, bucket_limit=[-1, 1, 3], bucket=[0, 2, 2])))


print(json.dumps([record(event) for event in event_file()], indent=0))
