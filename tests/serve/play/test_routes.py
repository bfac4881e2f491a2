"""What the page asks for: descriptions, answers in three ways with what decided them, rows that are kept."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from compiled_server import CompiledServer

from cribsheet.frozen.tested import path_beside
from cribsheet.models import Completion
from cribsheet.models.scripted import ScriptedModel
from cribsheet.signature import Field, Signature
from frozen_toys import toy_program, toy_prompt
from serve_toys import chain, guarded

from .conftest import INPUTS, off_topic, with_test_rows

Play = Callable[..., CompiledServer]


def ask(server: CompiledServer, name: str, way: str, inputs: object) -> dict:  # type: ignore[type-arg]
    reply = server.post(f"/play/programs/{name}/ask", {"way": way, "inputs": inputs})
    assert reply.status_code == 200, reply.text
    return reply.json()  # type: ignore[no-any-return]


def test_a_form_is_described_by_the_signature(shared: CompiledServer) -> None:
    programs = {one["name"]: one for one in shared.get("/play/programs").json()["programs"]}
    typed = programs["typed"]
    assert [(one["label"], one["control"]) for one in typed["inputs"]] == [
        ("text", "text"),
        ("stars", "number"),
        ("is new", "choice"),
    ]
    assert [(one["choices"], one["abstains"]) for one in typed["outputs"]] == [
        (["negative", "positive"], True),
        ([], False),
    ]
    assert [one["score"]["score"] for one in programs["qa"]["ways"] if one["score"]] == [0.5, 0.9]


def test_the_three_ways_ask_with_their_own_prompts(shared: CompiledServer) -> None:
    server = shared
    told = {way: ask(server, "mood", way, {"text": "boring"}) for way in ("zero_shot", "text", "compiled")}
    prompts = {way: one["calls"][0]["requests"][0]["messages"] for way, one in told.items()}
    assert prompts["text"] == prompts["compiled"] != prompts["zero_shot"]
    assert prompts["zero_shot"][0]["role"] == "user"
    assert "Sentiment: one of negative, positive." in prompts["zero_shot"][0]["content"]
    assert [one["decided_by"] for one in told.values()] == ["text", "text", "logprobs"]
    assert [one["outputs"]["sentiment"] for one in told.values()] == ["negative", "negative", "negative"]


def test_shares_before_and_after_corrections_are_told(shared: CompiledServer) -> None:
    told = ask(shared, "mood", "compiled", {"text": "lovely"})
    after, before = told["shares"]["sentiment"], told["calls"][0]["raw_shares"]
    assert sum(after.values()) == pytest.approx(1)
    assert before["positive"] == pytest.approx(0.75)
    assert after["positive"] < before["positive"]


def test_a_guarded_answer_tells_its_signals_and_where_the_context_has_it(shared: CompiledServer) -> None:
    server = shared
    stands = ask(server, "qa", "compiled", INPUTS)
    assert stands["marks"] == {"context": ["It was in ", "Rome", ", not in rome2rio."]}
    (call,) = stands["calls"]
    assert (call["guard"]["signals"][0]["value"], call["guard"]["threshold"]) == (1.0, 0.5)
    withheld = ask(server, "qa", "compiled", INPUTS | {"context": "It rained."})
    assert withheld["outputs"] == {"answer": {"unanswerable": None}}
    assert [step["by"] for step in withheld["calls"][0]["steps"]] == [None, "guard"]
    assert withheld["marks"] == {}


def test_inputs_that_decide_alone_tell_the_coverage(play: Play) -> None:
    told = ask(play({"qa": off_topic()}), "qa", "compiled", {"question": "Who?", "context": "It rained."})
    assert (told["decided_by"], told["calls"]) == ("inputs", [])
    assert told["guard"] == {"field": "answer", "coverage": 0.0, "least": 0.5}


def test_a_text_that_cannot_be_read_is_shown_with_its_prompt(play: Play) -> None:
    server = play(model=ScriptedModel(lambda prompt, sampling: Completion(text="Well, it depends")))
    told = ask(server, "mood", "text", {"text": "x"})
    assert told["problem"].startswith("The text cannot be read: ")
    assert (told["outputs"], told["model_text"]) == ({}, "Well, it depends")
    assert told["calls"][0]["requests"][0]["text"] == "Well, it depends"


def test_a_long_reason_is_cut(play: Play) -> None:
    mood = Field(name="mood", kind="label", labels=tuple(f"label {count}" for count in range(77)))
    signature = Signature(name="Mood", instructions="Which?", inputs=(Field(name="text"),), outputs=(mood,))
    server = play({"mood": toy_program(toy_prompt(signature))})
    told = ask(server, "mood", "text", {"text": "x"})
    assert told["problem"].startswith("The text cannot be read: mood must be one of label 0, label 1")
    assert len(told["problem"]) < 300


def test_each_predictor_of_a_chain_is_told(play: Play) -> None:
    server = play({"chain": chain()})
    assert server.get("/play/programs").json()["programs"][0]["instructions"].splitlines() == [
        "answer: Answer the question from the context alone.",
        "judge: Say whether the text is negative or positive.",
    ]
    for way, words in (("compiled", "Context: In Rome."), ("zero_shot", "Answer the question from the context alone.")):
        told = ask(server, "chain", way, {"question": "Where?", "context": "In Rome."})
        assert told["outputs"] == {"mood": "positive", "said": "Rome"}
        assert [call["predictor"] for call in told["calls"]] == ["answer", "judge"]
        assert words in told["calls"][0]["requests"][0]["messages"][0]["content"]
        assert told["marks"] == {"context": ["In ", "Rome", "."]}


def test_examples_are_the_test_rows_beside_the_file(play: Play, tmp_path: Path) -> None:
    server = play({"qa": with_test_rows(tmp_path, "qa", guarded()), "other": guarded()})
    first, second = server.get("/play/programs/qa/examples").json()["examples"]
    assert (first["inputs"], first["outputs"]["answer"]) == (INPUTS, ["Rome", "in Rome"])
    assert second["outputs"]["answer"] == [{"unanswerable": "It rained."}]
    told = {one["name"]: one["examples"] for one in server.get("/play/programs").json()["programs"]}
    assert told["qa"] == {"count": 2, "problem": ""}
    assert told["other"] == {"count": 0, "problem": "The file has no test rows beside it."}


def test_a_copy_without_test_rows_has_no_examples(play: Play, tmp_path: Path) -> None:
    program = with_test_rows(tmp_path, "qa", guarded())
    server = play({"qa": program, "copy": program})
    told = {one["name"]: one["examples"]["count"] for one in server.get("/play/programs").json()["programs"]}
    assert told == {"qa": 2, "copy": 0}


def test_test_rows_of_another_compile_are_not_shown(play: Play, tmp_path: Path) -> None:
    program = with_test_rows(tmp_path, "qa", guarded())
    path_beside(tmp_path / "qa.prompt.json").write_text("{}\n")
    server = play({"qa": program})
    assert server.get("/play/programs/qa/examples").json() == {"examples": []}
    assert "does not hold the test rows" in server.get("/play/programs").json()["programs"][0]["examples"]["problem"]


def test_a_row_is_kept_once_in_the_form_of_a_trainset(play: Play) -> None:
    server = play()
    row = {
        "inputs": {"text": "Hübsch", "stars": 3, "is_new": "true"},
        "outputs": {"sentiment": {"unanswerable": None}, "price": 2.5},
    }
    first, again = (server.post("/play/programs/typed/rows", row).json() for _ in range(2))
    assert (first, again["is_new"]) == ({"is_new": True, "file": "typed.rows.jsonl", "count": 1}, False)
    kept = {"text": "Hübsch", "stars": 3, "is_new": True, "sentiment": {"unanswerable": None}, "price": 2.5}
    assert [json.loads(line) for line in Path("typed.rows.jsonl").read_text("utf-8").splitlines()] == [kept]


@pytest.mark.parametrize(
    ("path", "body", "message", "param"),
    [
        ("typed/ask", {"way": "nix", "inputs": {}}, "no way 'nix'", None),
        ("typed/ask", {"way": "text", "inputs": {"text": "x", "is_new": True}}, "'stars' is missing", "stars"),
        (
            "typed/ask",
            {"way": "text", "inputs": {"text": "x", "stars": "many", "is_new": True}},
            "stars must be",
            "stars",
        ),
        (
            "typed/ask",
            {"way": "text", "inputs": {"text": "x", "stars": 1, "is_new": True, "b": 1}},
            "no input 'b'",
            None,
        ),
        ("mood/ask", {"way": "text", "inputs": {"text": "a\0"}}, "NUL", None),
        ("mood/rows", {"inputs": {"text": "x"}, "outputs": {"sentiment": "meh"}}, "sentiment must be one of", None),
        ("mood/rows", {"inputs": {"text": "x"}, "outputs": {}}, "no field 'sentiment'", None),
        ("mood/rows", {"inputs": {"text": " "}, "outputs": {"sentiment": "positive"}}, "text is empty", None),
        ("mood/rows", {"inputs": {"text": "x"}, "outputs": {"sentiment": "positive", "b": 1}}, "'b'", None),
    ],
)
def test_what_does_not_fit_is_refused(
    shared: CompiledServer, path: str, body: object, message: str, param: str | None
) -> None:
    reply = shared.post(f"/play/programs/{path}", body)
    assert reply.status_code == 422
    assert message in reply.json()["error"]["message"]
    assert reply.json()["error"]["param"] == param


def test_a_file_that_takes_no_rows_is_told(play: Play, tmp_path: Path) -> None:
    reply = play(rows=tmp_path / "rows.csv").post(
        "/play/programs/mood/rows", {"inputs": {"text": "x"}, "outputs": {"sentiment": "positive"}}
    )
    assert (reply.status_code, reply.json()["error"]["type"]) == (422, "invalid_row")


def test_the_page_allows_no_other_hosts(shared: CompiledServer) -> None:
    server = shared
    page = server.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path in ("/", "/play/play.css", "/play/play.js", "/play/cards.js"):
        reply = server.get(path)
        assert reply.status_code == 200
        assert "http" not in reply.text.replace("http://www.w3.org/2000/svg", "")


def test_a_name_that_another_site_made_lead_here_is_refused(shared: CompiledServer) -> None:
    server = shared
    for host in ("evil.example:8378", "evil.example:", "me@evil.example", "[::1", "127.0.0.1 evil.example"):
        assert server.get("/play/programs", headers={"Host": host}).status_code == 403, host
    for host in ("localhost:8378", "[::1]:8378", "192.168.1.7"):
        assert server.get("/play/programs", headers={"Host": host}).status_code == 200
