"""Summary of a short Chinese text in one sentence."""

from cribsheet import Task, rouge_l
from signatures.summarize_zh import SummarizeZh

task = Task(SummarizeZh, metric=rouge_l, trainset="summarize_zh.jsonl")
