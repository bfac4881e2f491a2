"""Sentiment of a text."""

from cribsheet import Task, label_accuracy
from signatures.sentiment import Sentiment

task = Task(Sentiment, metric=label_accuracy, trainset="sentiment.jsonl")
