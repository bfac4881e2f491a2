"""Questions over contexts that contradict what everyone knows; the context is right."""

from cribsheet import Task, answer_f1
from signatures.grounded_qa import GroundedQA

task = Task(GroundedQA, metric=answer_f1, trainset="counterfactual.jsonl")
