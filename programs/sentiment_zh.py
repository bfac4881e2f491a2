"""Sentiment of a Chinese text: negative, neutral or positive."""

from cribsheet import Task, label_accuracy
from signatures.sentiment_zh import SentimentZh

task = Task(SentimentZh, metric=label_accuracy, trainset="sentiment_zh.jsonl")
