"""Topic of a Chinese news item."""

from cribsheet import Task, label_accuracy
from signatures.topic_zh import TopicZh

task = Task(TopicZh, metric=label_accuracy, trainset="topic_zh.jsonl")
