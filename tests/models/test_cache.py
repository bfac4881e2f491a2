"""The completion cache, on a real disk and against real faults."""

import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cribsheet.errors import TransientError, WorkspaceError
from cribsheet.models import Completion, Model, Sampling, Usage
from cribsheet.models.cache import CachedModel, CompletionCache, Meter
from cribsheet.models.keys import completion_key
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Message, Prompt

PROMPT = Prompt(text="Text: Superb.\nSentiment:", stop=("\n",))


def echo(prompt: Prompt, sampling: Sampling) -> Completion:
    """Repeat the prompt."""
    return Completion(
        text=prompt.full_text,
        finish_reason="length",
        first_token={"Text": -0.25, "text": float("-inf")},
        logprobs=(-0.25, -1.5),
        usage=Usage(prompt_tokens=10, cached_tokens=4, completion_tokens=3),
        seconds=0.5,
    )


class EchoModel(ScriptedModel):
    """A scripted model with a digest and an endpoint, that remembers what it was asked to count."""

    def __init__(self, script=echo, *, name="scripted/echo", endpoint="", digest="sha256:1"):
        super().__init__(script, name=name, parallel=4)
        self.endpoint, self.digest = endpoint, digest
        self.counted = []

    def count_tokens(self, text: str) -> int:
        self.counted.append(text)
        return super().count_tokens(text)


@pytest.fixture
def cache(tmp_path):
    cache = CompletionCache(tmp_path / "cache")
    yield cache
    cache.close()


def faults_of(directory, work):
    """Run `work` on a cache there and return the warnings."""
    faults = []
    cache = CompletionCache(directory, on_fault=faults.append)
    work(cache)
    cache.close()
    return faults


def test_a_cached_model_is_a_model(cache):
    model: Model = CachedModel(EchoModel(), cache)
    assert isinstance(model, Model)
    assert (model.name, model.digest, model.endpoint) == ("scripted/echo", "sha256:1", "")
    assert (model.parallel, model.context_window) == (4, 4096)


def test_it_passes_on_whether_the_model_takes_raw_text(cache):
    inner = EchoModel()
    assert CachedModel(inner, cache).supports_raw
    inner.supports_raw = False
    assert not CachedModel(inner, cache).supports_raw


def test_the_second_answer_comes_from_the_cache_and_equals_the_first(cache):
    inner = EchoModel()
    model = CachedModel(inner, cache)
    first = model.complete(PROMPT, Sampling())
    second = model.complete(PROMPT, Sampling())
    assert len(inner.calls) == 1
    assert (first.cached, second.cached) == (False, True)
    assert second == first.model_copy(update={"cached": True})
    assert second.first_token == {"Text": -0.25, "text": float("-inf")}
    assert (second.usage, second.seconds) == (first.usage, 0.5)


def test_another_process_finds_what_this_one_stored(cache):
    CachedModel(EchoModel(), cache).complete(PROMPT, Sampling())
    again = EchoModel()
    assert CachedModel(again, CompletionCache(cache.directory)).complete(PROMPT, Sampling()).cached
    assert again.calls == []


@pytest.mark.parametrize(
    ("prompt", "sampling", "other"),
    [
        (PROMPT, Sampling(max_tokens=1), {}),
        (PROMPT, Sampling(temperature=0.5), {}),
        (PROMPT, Sampling(seed=1), {}),
        (PROMPT, Sampling(top_logprobs=5), {}),
        (PROMPT.model_copy(update={"text": "Text: Superb.\nSentiment: "}), Sampling(), {}),
        (PROMPT.model_copy(update={"stop": ("\n", "Text:")}), Sampling(), {}),
        (Prompt(messages=(Message(role="user", content=PROMPT.text),), stop=("\n",)), Sampling(), {}),
        (PROMPT, Sampling(), {"name": "scripted/other"}),
        (PROMPT, Sampling(), {"endpoint": "http://localhost:1"}),
        (PROMPT, Sampling(), {"digest": "sha256:2"}),
        (PROMPT, Sampling(), {"digest": None}),
    ],
)
def test_whatever_can_change_the_answer_changes_the_key(cache, prompt, sampling, other):
    CachedModel(EchoModel(), cache).complete(PROMPT, Sampling())
    assert not CachedModel(EchoModel(**other), cache).complete(prompt, sampling).cached


def test_the_role_of_a_message_is_part_of_the_key(cache):
    model = CachedModel(EchoModel(), cache)
    for role in ("user", "system"):
        assert not model.complete(Prompt(messages=(Message(role=role, content="Hi"),)), Sampling()).cached


def test_token_counts_are_kept_apart_from_completions(cache):
    inner = EchoModel()
    model = CachedModel(inner, cache)
    assert [model.count_tokens(text) for text in ("two words", "two words", "")] == [2, 2, 0]
    assert inner.counted == ["two words", ""]
    assert not model.complete(Prompt(text="two words"), Sampling()).cached


def test_the_meter_counts_what_the_model_was_asked_and_the_hits_apart(cache):
    meter = Meter()
    model = CachedModel(EchoModel(), cache, meter=meter)
    for _ in range(3):
        model.complete(PROMPT, Sampling())
    assert meter == Meter(
        calls=1,
        cached_calls=2,
        prompt_tokens=10,
        evaluated_tokens=6,
        prefix_cached_tokens=4,
        completion_cached_tokens=20,
        completion_tokens=3,
        model_seconds=0.5,
    )
    assert meter.cached_share == 0.8


def test_what_no_endpoint_tells_of_its_prefix_cache_counts_as_read():
    meter = Meter()
    assert meter.cached_share is None
    meter.add(Completion(text="", usage=Usage(prompt_tokens=10)))
    assert (meter.evaluated_tokens, meter.prefix_cached_tokens, meter.cached_share) == (10, None, 0.0)
    meter.add(Completion(text="", usage=Usage(prompt_tokens=10, cached_tokens=0)))
    assert meter.prefix_cached_tokens == 0


def test_a_failure_is_not_kept(cache):
    def fail_once(prompt, sampling):
        if len(inner.calls) == 1:
            raise TransientError("busy")
        return echo(prompt, sampling)

    inner = EchoModel(fail_once)
    model = CachedModel(inner, cache)
    with pytest.raises(TransientError, match="busy"):
        model.complete(PROMPT, Sampling())
    assert not model.complete(PROMPT, Sampling()).cached
    assert model.meter.calls == 1


def test_threads_that_want_the_same_completion_at_once_pay_once(cache):
    def slow_echo(prompt, sampling):
        time.sleep(0.05)
        return echo(prompt, sampling)

    inner = EchoModel(slow_echo)
    model = CachedModel(inner, cache)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: model.complete(PROMPT, Sampling()), range(8)))
    assert len(inner.calls) == 1
    assert sorted(completion.cached for completion in done) == [False] + [True] * 7
    assert (model.meter.calls, model.meter.cached_calls) == (1, 7)


def test_different_completions_do_not_wait_for_each_other(cache):
    together = threading.Barrier(4, timeout=5)

    def meet(prompt, sampling):
        together.wait()
        return echo(prompt, sampling)

    model = CachedModel(EchoModel(meet), cache)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: model.complete(Prompt(text=str(number)), Sampling()), range(4)))
    assert model.meter.calls == 4


def test_text_of_any_kind_comes_back_as_it_was(cache):
    texts = ["", "中文，两行\n第二行", "\x00", "a\u2028b", "\ud800", "x" * 100_000]
    for number, text in enumerate(texts):
        cache.put(str(number), text)
    assert [cache.get(str(number)) for number in range(len(texts))] == texts


def test_it_tells_how_much_it_holds_and_clears_it(cache):
    for number in range(5):
        cache.put(str(number), "x" * 1000)
    assert cache.stats().entries == 5
    assert cache.stats().bytes > 5000
    assert cache.clear() == 5
    assert cache.stats().entries == 0
    assert cache.get("1") is None


def test_clearing_leaves_other_files_in_the_folder_alone(cache):
    readme = cache.directory / "README.md"
    readme.write_text("Completions on disk")
    (cache.directory / "cache.db").write_bytes(b"damaged" * 1000)
    for name in ("cache.db-wal", "cache.db-shm"):
        (cache.directory / name).unlink(missing_ok=True)
    damaged = CompletionCache(cache.directory, on_fault=lambda message: None)
    damaged.clear()
    damaged.put("key", 1)
    assert damaged.get("key") == 1
    assert readme.read_text() == "Completions on disk"


def test_nothing_in_the_file_is_a_pickle_and_a_planted_one_is_not_loaded(cache, tmp_path):
    class Harm:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "harm"),))

    cache.put("key", {"text": "x"})
    cache.close()
    with sqlite3.connect(cache.directory / "cache.db") as database:
        [(key, value)] = database.execute("SELECT key, value FROM Cache").fetchall()
        database.execute("UPDATE Cache SET mode = 4, value = ?", (pickle.dumps(Harm()),))
    assert (key, json.loads(value)) == ("key", {"text": "x"})
    assert CompletionCache(cache.directory).get("key") is None
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("value", ["", "{", '{"text": 5}', "[]", "7", '{"text": "x", "new": 1}'])
def test_a_damaged_entry_is_asked_for_again_and_mended(cache, value):
    model = CachedModel(EchoModel(), cache)
    model.complete(PROMPT, Sampling())
    with sqlite3.connect(cache.directory / "cache.db") as database:
        database.execute("UPDATE Cache SET value = ?", (value,))
    assert not model.complete(PROMPT, Sampling()).cached
    assert model.complete(PROMPT, Sampling()).cached


# Faults: work goes on, with one warning


def ask_three_times(cache):
    model = CachedModel(EchoModel(), cache)
    for text in ("a", "b", "a"):
        assert model.complete(Prompt(text=text), Sampling()).text == text
        assert model.count_tokens(text) == 1
    cache.stats()


def test_a_file_that_is_no_database_costs_one_warning_and_is_left_as_it_is(tmp_path):
    (tmp_path / "cache.db").write_text("not a database, but a diary\n" * 100)
    before = (tmp_path / "cache.db").read_bytes()
    [fault] = faults_of(tmp_path, ask_three_times)
    assert "file is not a database" in fault
    assert str(tmp_path) in fault
    assert "cribsheet cache clear" in fault
    assert (tmp_path / "cache.db").read_bytes() == before


def test_by_default_the_warning_is_a_python_warning(tmp_path):
    (tmp_path / "cache.db").write_text("not a database" * 100)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ask_three_times(CompletionCache(tmp_path))
    assert [warning.category for warning in caught] == [RuntimeWarning]


def test_pages_that_are_overwritten_cost_one_warning_and_clearing_mends_them(tmp_path):
    cache = CompletionCache(tmp_path)
    for number in range(300):
        cache.put(str(number), "x" * 500)
    cache.close()
    damaged = tmp_path / "cache.db"
    data = damaged.read_bytes()
    damaged.write_bytes(data[:20000] + b"\xff" * (len(data) - 20000))
    faults = []
    cache = CompletionCache(tmp_path, on_fault=faults.append)
    ask_three_times(cache)
    for number in range(300):
        cache.get(str(number))
    assert len(faults) == 1
    cache.clear()
    cache.put("key", 1)
    assert cache.get("key") == 1
    assert len(faults) == 1


def test_a_path_that_is_a_file_costs_one_warning(tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert len(faults_of(tmp_path / "cache", ask_three_times)) == 1
    with pytest.raises(WorkspaceError, match="cannot be cleared"):
        CompletionCache(tmp_path / "cache", on_fault=lambda message: None).clear()


CHILD = """
import os, sys, resource
sys.path.insert(0, {tests!r})
from test_cache import CachedModel, CompletionCache, EchoModel, Prompt, Sampling, ask_three_times, faults_of
"""


def run_child(code, directory, **options):
    """Run code in another Python process, where limits and users can be changed for good."""
    return subprocess.run(
        [sys.executable, "-c", CHILD.format(tests=str(Path(__file__).parent)) + code, str(directory)],
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


READ_ONLY = """
if os.getuid() == 0:
    os.setuid(65534)  # root may write anywhere
faults = faults_of(sys.argv[1], ask_three_times)
print(len(faults), faults)
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_filled", [True, False])
def test_a_read_only_folder_costs_one_warning(tmp_path_factory, is_filled):
    directory = tmp_path_factory.mktemp("read_only").resolve()
    if is_filled:
        cache = CompletionCache(directory)
        cache.put("key", 1)
        cache.close()
    for parent in (directory, *directory.parents):
        if parent.stat().st_uid == os.getuid() and parent.stat().st_mode & 0o777 == 0o700:
            parent.chmod(0o711)  # the other user must get there at all
    directory.chmod(0o555)
    done = run_child(READ_ONLY, directory)
    directory.chmod(0o755)
    assert done.stdout.startswith("1 "), done
    assert "readonly" in done.stdout or "unable to open" in done.stdout
    assert "you may write to the folder" in done.stdout


FULL_DISK = """
def fill(cache):
    model = CachedModel(EchoModel(), cache)
    for number in range(400):
        assert model.complete(Prompt(text=f"{{number}} " * 400), Sampling()).text
    hits = [model.complete(Prompt(text=f"{{number}} " * 400), Sampling()).cached for number in range(400)]
    print(hits.count(True), end=" ")
{limit}
faults = faults_of(sys.argv[1], fill)
print(len(faults), faults)
"""


def check_full_disk(done):
    hits, warnings_given, *_ = done.stdout.split()
    assert warnings_given == "1", done
    assert 0 < int(hits) < 400  # what was stored before is still served
    assert "new completions are not stored" in done.stdout


def test_a_file_that_may_not_grow_costs_one_warning(tmp_path):
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))"
    check_full_disk(run_child(FULL_DISK.format(limit=limit), tmp_path))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_costs_one_warning(tmp_path):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(tmp_path)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.decode().strip()}")
    try:
        done = run_child(FULL_DISK.format(limit=""), tmp_path)
        check_full_disk(done)
        assert "full" in done.stdout
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


KILLED = """
cache = CompletionCache(sys.argv[1])
model = CachedModel(EchoModel(), cache)
for number in range(50):
    model.complete(Prompt(text=str(number)), Sampling())
os.kill(os.getpid(), 9)
"""


def test_a_killed_process_loses_nothing_that_it_was_answered(tmp_path):
    assert run_child(KILLED, tmp_path).returncode == -signal.SIGKILL
    model = CachedModel(EchoModel(), CompletionCache(tmp_path))
    assert all(model.complete(Prompt(text=str(number)), Sampling()).cached for number in range(50))


SHARED = """
from concurrent.futures import ThreadPoolExecutor
model = CachedModel(EchoModel(), CompletionCache(sys.argv[1], on_fault=print))
with ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda n: model.complete(Prompt(text=str(n)), Sampling()), range(200)))
"""


@pytest.mark.slow
def test_several_processes_and_threads_share_one_new_cache(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: run_child(SHARED, tmp_path), range(4)))
    assert [(child.returncode, child.stdout, child.stderr) for child in done] == [(0, "", "")] * 4
    assert CompletionCache(tmp_path).stats().entries == 200


class TellingModel(EchoModel):
    """An echo that tells token ids: the code points."""

    def token_ids(self, text: str) -> list[int]:
        self.counted.append(text)
        return [ord(char) for char in text]


def test_token_ids_are_asked_for_once(cache):
    model = TellingModel()
    assert [CachedModel(model, cache).token_ids("ab") for _ in range(2)] == [[97, 98], [97, 98]]
    assert model.counted == ["ab"]


def test_a_model_that_tells_no_token_ids_has_none_in_the_cache_either(cache):
    assert CachedModel(EchoModel(), cache).token_ids("ab") is None
    assert cache.stats().entries == 0


def test_a_thought_without_an_answer_is_not_kept_nor_taken_from_an_older_cache(tmp_path: Path) -> None:
    said = ["<think>Hm", "<think>Hm</think> fine"]
    inner = ScriptedModel(lambda prompt, sampling: said.pop(0))
    cache = CompletionCache(tmp_path)
    prompt, sampling = Prompt(text="How?"), Sampling()
    cache.put(completion_key(inner, prompt, sampling), {"text": "<think>"})
    for expected in ("<think>Hm", "<think>Hm</think> fine", "<think>Hm</think> fine"):
        assert CachedModel(inner, cache).complete(prompt, sampling).text == expected
    assert len(inner.calls) == 2
