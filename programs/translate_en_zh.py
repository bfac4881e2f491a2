"""Translation from English into Chinese."""

from cribsheet import Task, chrf
from signatures.translate_en_zh import TranslateEnZh

task = Task(TranslateEnZh, metric=chrf, trainset="translate_en_zh.jsonl")
