"""The people, organisations and places that a Chinese text names."""

from cribsheet import Task, set_f1
from signatures.entities_zh import EntitiesZh

task = Task(EntitiesZh, metric=set_f1, trainset="entities_zh.jsonl")
