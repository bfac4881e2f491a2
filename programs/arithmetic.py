"""Word problems, solved in steps."""

import dspy

from cribsheet import Task, numeric_match
from signatures.arithmetic import Arithmetic

task = Task(dspy.ChainOfThought(Arithmetic), metric=numeric_match, trainset="arithmetic.jsonl")
