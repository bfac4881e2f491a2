"""A record of the person that a text tells of."""

from cribsheet import Task, record_accuracy
from signatures.records import Records

task = Task(Records, metric=record_accuracy, trainset="records.jsonl")
