"""What prompts and answers take in tokens."""

from collections.abc import Sequence

from cribsheet.dataset.examples import Row
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import prompt_text
from cribsheet.layout.catalogue import layout_named
from cribsheet.models.scripted import ScriptedModel
from cribsheet.search.candidate import Candidate
from cribsheet.search.lengths import Lengths
from cribsheet.signature import Field, Signature

SUMMARY = Signature(
    name="Summary", instructions="Sum up.", inputs=(Field(name="text"),), outputs=(Field(name="summary"),)
)
TITLE = Signature(name="Title", instructions="Name.", inputs=(Field(name="summary"),), outputs=(Field(name="title"),))
MODEL = ScriptedModel({})


def row(text: str, summary: str) -> Row:
    return Row({"text": text}, {"summary": (summary,)})


def lengths(train: Sequence[Row], val: Sequence[Row] = ()) -> Lengths:
    return Lengths(MODEL, train, val)


def candidate(signature: Signature = SUMMARY, *, layout: str = "plain", max_tokens: int = 7) -> Candidate:
    decoding = Decoding(max_tokens=max_tokens)
    layout_of = layout_named(layout)
    prompt = FrozenPrompt(signature=signature, layout=layout_of, instructions=signature.instructions, decoding=decoding)
    return Candidate({"predict": prompt}, origin=layout)


def test_room_for_an_answer_is_that_of_the_longest_in_the_demo_pool() -> None:
    layout, short, long = layout_named("plain"), row("one", "two"), row("one", "two" + 19 * " two")
    room = lengths([short]).answer(SUMMARY, layout)
    assert lengths([short, long]).answer(SUMMARY, layout) == room + 19
    assert lengths([short], [long]).answer(SUMMARY, layout) == room


def test_a_candidate_takes_what_its_longest_row_does_and_room_for_the_answer() -> None:
    short, long = row("one", "two"), row("one two three", "two")
    (prompt,) = candidate().prompts.values()
    asked = MODEL.count_tokens(prompt_text(prompt, long.inputs).full_text)
    assert lengths([short], [long]).candidate(candidate()) == asked + 7
    assert lengths([short], [long]).candidate(candidate(max_tokens=9)) == asked + 9


def test_the_turns_of_a_chat_take_more_than_their_words() -> None:
    rows = [row("one", "two")]
    (prompt,) = candidate(layout="message").prompts.values()
    asked = MODEL.count_tokens(prompt_text(prompt, rows[0].inputs).full_text)
    assert lengths(rows).candidate(candidate(layout="message")) > asked + 7


def test_what_an_earlier_predictor_gives_is_as_long_as_rows_have_it() -> None:
    short, long = row("one", "two"), row("one", "two" + 19 * " two")
    title = candidate(TITLE)
    assert lengths([short, long]).candidate(title) == lengths([short]).candidate(title) + 19
