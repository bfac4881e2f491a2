"""Run the program on training rows and keep the runs that pass the metric."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from cribsheet.budget.recording import Recorder, answer_items
from cribsheet.dataset.examples import Row
from cribsheet.dataset.traces import Trace
from cribsheet.errors import ModelError
from cribsheet.evaluation.evaluate import RowResult, score_row
from cribsheet.executor import Threads
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.running import Call, Run
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion, Model, Sampling
from cribsheet.outcomes import Value
from cribsheet.prompts import Prompt
from cribsheet.search.bootstrap.reasoning import gives_the_hint_away, hinted
from cribsheet.search.bootstrap.teaching import TeacherRuns, TeacherSettings
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import demos_of
from cribsheet.search.study import Study
from cribsheet.signature import REASONING
from cribsheet.text import counted


@dataclass(frozen=True)
class Job:
    """One run of the program on one row."""

    row: Row
    sample: int
    is_hinted: bool


@dataclass
class _Asked:
    """Asks the teacher during one run, with a temperature and a seed of the run's own."""

    teacher: Recorder
    temperature: float
    seed: int
    failure: ModelError | None = None

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the teacher's completion. It is greedy if the temperature is 0 or log-probabilities decide."""
        decides = sampling.max_tokens == 1 and sampling.top_logprobs
        own = sampling if decides else sampling.model_copy(update={"temperature": self.temperature, "seed": self.seed})
        try:
            return self.teacher.complete(prompt, own)
        except ModelError as error:
            self.failure = error
            raise


@dataclass(frozen=True)
class _Outcome:
    job: Job
    result: RowResult | None
    """None if the teacher failed."""
    failure: ModelError | None
    """Why it failed."""


def bootstrap(study: Study, candidate: Candidate, teaching: TeacherSettings, *, wanted: int = 1) -> TeacherRuns:
    """Return the traces of the runs that pass the metric (rejection sampling).

    The candidate's prompts answer rows of the demo pool, as in DSPy (Khattab et al. 2023, arXiv:2310.03714). There are
    `teaching.samples` rounds. In each round, every row with fewer than `wanted` passes is run once more, rows without a
    pass first. If prompts reason, rows that still have no pass are run again with the right answer as a hint. The
    passes of a row have different rationales.

    The runs end when their share of the budget is spent. If a run fails, the other runs go on.

    Raises:
        ModelError: the teacher fails in every run of the first round.
    """
    return _Bootstrap(study, candidate, teaching, wanted).run()


class _Bootstrap:
    """The runs of a teacher. Only `_sample` runs in other threads than the caller's."""

    def __init__(self, study: Study, candidate: Candidate, teaching: TeacherSettings, wanted: int):
        self._study, self._candidate, self._teaching, self._wanted = study, candidate, teaching, wanted
        self._teacher: Model = teaching.teacher or study.model
        self._rows = study.train[: teaching.rows]
        self._reasons = any(prompt.reasoning for prompt in candidate.prompts.values())
        self._runs = TeacherRuns()
        self._passes: dict[str, set[str]] = defaultdict(set)
        self._failures: list[ModelError] = []
        ledger = study.ledger
        self._limit = ledger.spent + teaching.share * max(0.0, ledger.left)
        self._under_way = 0
        self._dearest = max((trial.price / trial.rows for trial in study.trials if trial.rows), default=0.0)

    def run(self) -> TeacherRuns:
        """Go through the rounds."""
        executor = Threads(self._teaching.parallel or self._teacher.parallel)
        for sample in range(self._samples()):
            for is_hinted in (False, True) if self._reasons else (False,):
                jobs = [Job(row, sample, is_hinted) for row in self._open(is_hinted=is_hinted)]
                answered = answer_items(
                    self._study.ledger, self._sample, self._affordable(jobs), model=self._teacher, executor=executor
                )
                with closing(answered) as outcomes:
                    for outcome, asked in outcomes:
                        self._take(outcome, asked)
                self._check_teacher()
        return self._runs

    def _samples(self) -> int:
        """Return how many rounds are worth it: a decision by log-probabilities is the same each time."""
        decided = all(prompt.decoding.decide_by == "logprobs" for prompt in self._candidate.prompts.values())
        return 1 if decided else self._teaching.samples

    def _open(self, *, is_hinted: bool) -> list[Row]:
        """Return the rows that need another pass, rows without any first."""
        most = 1 if is_hinted else self._wanted
        wanting = [row for row in self._rows if len(self._passes[row.id]) < most]
        return sorted(wanting, key=lambda row: bool(self._passes[row.id]))

    def _affordable(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Yield jobs while the budget can pay for them and for the jobs under way."""
        for job in jobs:
            is_dear = self._study.ledger.spent + (self._under_way + 1) * self._dearest > self._limit
            if is_dear or self._runs.stopped:
                self._runs.stopped = True
                return
            self._under_way += 1
            yield job

    def _sample(self, job: Job, teacher: Recorder) -> _Outcome:
        temperature = self._teaching.temperature if job.sample else 0.0
        asked = _Asked(teacher, temperature, seed=job.sample)
        prompts = {name: self._prompt(name, prompt, job) for name, prompt in self._candidate.prompts.items()}
        evaluator = self._study.evaluator

        def runner(inputs: Mapping[str, Value]) -> Run:
            return evaluator.run(prompts, inputs, asked)

        try:
            result = score_row(runner, job.row, evaluator.metric)
        except ModelError as error:
            return _Outcome(job, None, error)
        return _Outcome(job, result, asked.failure)

    def _prompt(self, name: str, prompt: FrozenPrompt, job: Job) -> FrozenPrompt:
        """Return a predictor's prompt for one row. Its demos do not contain the row itself."""
        own = [demo.inputs for demo in demos_of(self._study.signatures[name], [job.row])]
        others = tuple(demo for demo in prompt.demos if demo.inputs not in own)
        prompt = prompt.model_copy(update={"demos": others})
        return hinted(prompt, job.row) if job.is_hinted and prompt.reasoning else prompt

    def _take(self, outcome: _Outcome, asked: Recorder) -> None:
        runs, result = self._runs, outcome.result
        self._under_way -= 1
        self._dearest = max(self._dearest, asked.cost)
        self._study.advance(compares=False)
        self._study.ledger.check_stopped()
        if asked.is_cut:
            runs.stopped = True
            return
        runs.tried += 1
        if result is None or result.run is None:
            runs.failed += 1
            self._failures.extend([outcome.failure] if outcome.failure else [])
        elif result.score >= self._teaching.threshold and not isinstance(result.run.prediction, ParseFailure):
            self._keep(outcome.job, result)

    def _keep(self, job: Job, result: RowResult) -> None:
        traces = [trace for call in result.calls if (trace := self._trace(job, call, result.score)) is not None]
        reasoned = [trace for trace in traces if self._candidate.prompts[trace.predictor].reasoning]
        rationales = [str(trace.outputs[REASONING]) for trace in reasoned]
        if any(map(self._says_nothing, reasoned)) or (job.is_hinted and any(map(gives_the_hint_away, rationales))):
            return
        key = "\n".join(map(_normalised, rationales))
        if not traces or key in self._passes[job.row.id]:
            return
        self._passes[job.row.id].add(key)
        self._runs.passed += 1
        self._runs.traces.extend(traces)

    def _says_nothing(self, trace: Trace) -> bool:
        """Tell whether a rationale is empty, or only repeats an outcome."""
        outputs = self._study.signatures[trace.predictor].outputs
        answers = [str(trace.outputs[one.name]) for one in outputs] + [word for one in outputs for word in one.outcomes]
        return _normalised(str(trace.outputs[REASONING])) in {"", *map(_normalised, answers)}

    def _trace(self, job: Job, call: Call, score: float) -> Trace | None:
        """Return the trace of a call; None if its answer could not be read."""
        answer = call.answer
        if isinstance(answer.outputs, ParseFailure):
            return None
        reasoning = {} if answer.reasoning is None else {REASONING: " ".join(answer.reasoning.split())}
        values = {
            "row": job.row.id,
            "predictor": call.predictor,
            "inputs": dict(call.inputs),
            "outputs": {**reasoning, **answer.outputs},
            "score": score,
            "teacher": self._teacher.name,
            "sample": job.sample,
            "hinted": job.is_hinted,
        }
        return Trace.model_validate(values)

    def _check_teacher(self) -> None:
        """Raise if the teacher has not answered a single run."""
        if self._failures and len(self._failures) == self._runs.tried:
            raise ModelError(
                f"The teacher {self._teacher.name} failed in each of the first {counted(self._runs.tried, 'run')}: "
                f"{self._failures[-1]} Solve that, or name another teacher with --teacher. "
                "Earlier answers are in the cache."
            )


def _normalised(rationale: str) -> str:
    """Return the words of a rationale in lower case, to find equal rationales.

    >>> _normalised("It is  SUPERB, so positive.")
    'it is superb so positive'
    """
    return " ".join(re.findall(r"\w+", rationale.casefold()))
