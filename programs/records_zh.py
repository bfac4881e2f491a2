"""A record of the person that a Chinese text tells of."""

from cribsheet import Task, record_accuracy
from signatures.records_zh import RecordsZh

task = Task(RecordsZh, metric=record_accuracy, trainset="records_zh.jsonl")
