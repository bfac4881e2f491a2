"""Summary of a short text in one sentence."""

from cribsheet import Task, rouge_l
from signatures.summarize import Summarize

task = Task(Summarize, metric=rouge_l, trainset="summarize.jsonl")
