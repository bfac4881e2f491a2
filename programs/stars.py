"""The number of stars that a review gives."""

from cribsheet import Task, label_accuracy
from signatures.stars import Stars

task = Task(Stars, metric=label_accuracy, trainset="stars.jsonl")
