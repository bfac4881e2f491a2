"""Intent of a message to a help desk, one of 26."""

from cribsheet import Task, label_accuracy
from signatures.intent import Intent

task = Task(Intent, metric=label_accuracy, trainset="intent.jsonl")
