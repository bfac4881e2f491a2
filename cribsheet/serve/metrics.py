"""Count what a server does, for Prometheus."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cribsheet.models import Usage
from cribsheet.serve.engines import Engines
from cribsheet.serve.programs import Programs

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The figures of one server."""

    def __init__(self, programs: Programs, engines: Engines) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter("requests", "Requests, by their status.", "endpoint", "program", "status")
        self._outcomes = self._counter("outcomes", "Outcomes of outputs.", "program", "output", "outcome")
        self._tokens = self._counter("tokens", "Tokens of the model.", "program", "kind")
        self._seconds = Histogram(
            "cribsheet_request_seconds", "Time to answer.", ["endpoint"], buckets=_SECONDS, registry=self._registry
        )
        self._registry.register(_State(programs, engines))
        ProcessCollector(registry=self._registry)

    def count_request(self, endpoint: str, program: str, *, status: int, seconds: float) -> None:
        """Count a request that has been answered or refused."""
        self._requests.labels(endpoint, program, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def count_answer(self, program: str, outcomes: Mapping[str, str], usage: Usage) -> None:
        """Count the outcomes and the tokens of an answer."""
        for output, outcome in outcomes.items():
            self._outcomes.labels(program, output, outcome).inc()
        self._tokens.labels(program, "prompt").inc(usage.prompt_tokens)
        self._tokens.labels(program, "cached").inc(usage.cached_tokens or 0)
        self._tokens.labels(program, "completion").inc(usage.completion_tokens)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"cribsheet_{name}", about, labels, registry=self._registry)

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)


class _State(Collector):
    """Reads how busy the models are, and which files are broken."""

    def __init__(self, programs: Programs, engines: Engines) -> None:
        self._programs, self._engines = programs, engines

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges."""
        busy = GaugeMetricFamily("cribsheet_slots_taken", "Rows that are being answered now.")
        waiting = GaugeMetricFamily("cribsheet_requests_waiting", "Requests that wait for a model.")
        slots = [engine.slots for engine in self._engines.all()]
        busy.add_metric([], sum(one.taken for one in slots))
        waiting.add_metric([], sum(one.waiting for one in slots))
        broken = GaugeMetricFamily(
            "cribsheet_file_broken", "1 if the newest version of a file was not taken up.", labels=["program"]
        )
        for served in self._programs:
            broken.add_metric([served.name], float(served.name in self._programs.problems))
        yield from (busy, waiting, broken)
