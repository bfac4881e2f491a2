"""Topic of a news item."""

from cribsheet import Task, label_accuracy
from signatures.topic import Topic

task = Task(Topic, metric=label_accuracy, trainset="topic.jsonl")
