"""The people, organisations and places that a text names."""

from cribsheet import Task, set_f1
from signatures.entities import Entities

task = Task(Entities, metric=set_f1, trainset="entities.jsonl")
