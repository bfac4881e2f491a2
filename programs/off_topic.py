"""Questions of general knowledge over contexts of which half do not answer them."""

from cribsheet import Task, answer_f1
from signatures.grounded_qa import GroundedQA

task = Task(GroundedQA, metric=answer_f1, trainset="off_topic.jsonl")
