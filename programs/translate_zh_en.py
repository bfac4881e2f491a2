"""Translation from Chinese into English."""

from cribsheet import Task, chrf
from signatures.translate_zh_en import TranslateZhEn

task = Task(TranslateZhEn, metric=chrf, trainset="translate_zh_en.jsonl")
