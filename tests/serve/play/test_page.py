"""The page in a real browser: it answers, explains, keeps rows, and loads nothing from elsewhere."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chromium import Browser
from compiled_server import CompiledServer, wait_until

from cribsheet.frozen import Decoding, save
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.signature import Field, Signature
from frozen_toys import toy_program, toy_prompt
from serve_toys import guarded, mood

from .conftest import SUMS, calibrated, with_test_rows

Play = Callable[..., CompiledServer]
READY = "document.querySelectorAll('.card').length === 3 && !document.getElementById('main').hidden"
ANSWERED = (
    "!document.querySelector('[aria-busy]') && !document.querySelector('.card .empty')"
    " && !document.querySelector('.stale')"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, play: Play, tmp_path: Path) -> Browser:
    """The page of two programs, of which `qa` has two examples."""
    server = play({"qa": with_test_rows(tmp_path, "qa", guarded()), "mood": calibrated()})
    return opened(browser, server)


def opened(browser: Browser, server: CompiledServer, name: str = "qa") -> Browser:
    browser.said.clear()
    browser.resize(1440, 900)
    browser.open("about:blank")
    browser.open(f"{server.address}/#{name}")
    browser.wait(READY)
    return browser


def text(page: Browser, selector: str) -> str:
    return page.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")  # type: ignore[no-any-return]


def focus(page: Browser, selector: str) -> None:
    page.run(f"document.querySelector({json.dumps(selector)}).focus()")
    page.run("document.activeElement.select?.()")


def test_an_example_is_answered_explained_and_marked_by_keyboard_alone(page: Browser) -> None:
    assert text(page, "#place") == "1 of 2"
    page.press("Enter", ctrl=True, code=13)
    page.wait(ANSWERED)
    assert "Rome" in text(page, ".compiled .answer")
    assert text(page, ".compiled .verdict") == "✓ as expected"
    assert text(page, ".compiled mark") == "Rome"
    assert "The guard lets the answer stand" in text(page, ".compiled")
    page.press("ArrowDown", alt=True, code=40)
    assert text(page, "#place") == "2 of 2"
    assert text(page, "#stale") == "The input has changed since it was answered."
    page.press("Enter", ctrl=True, code=13)
    page.wait(ANSWERED)
    assert text(page, ".compiled .answer") == "unanswerable"
    assert "The guard withholds the answer" in text(page, ".compiled")
    assert "✗ expected unanswerable" in text(page, ".text .verdict")


def test_a_row_is_kept_with_the_right_answer_and_only_once(page: Browser) -> None:
    focus(page, "#in-question")
    page.write("多少米？")
    focus(page, "#in-context")
    page.write("大桥全长五十五公里。<b>bold</b>")
    focus(page, "#out-answer")
    page.write("五十五公里")
    for told in ("Kept. qa.rows.jsonl has 1 row.", "qa.rows.jsonl has a row with these inputs already."):
        page.press("Enter", ctrl=True, shift=True, code=13)
        page.wait(f"document.getElementById('kept').textContent === {json.dumps(told)}")
    row = {"question": "多少米？", "context": "大桥全长五十五公里。<b>bold</b>", "answer": "五十五公里"}
    assert [json.loads(line) for line in Path("qa.rows.jsonl").read_text("utf-8").splitlines()] == [row]
    assert page.run("document.getElementById('in-context').lang") == "zh-Hans"
    focus(page, "#out-answer")
    page.press("Delete", code=46)
    page.press("Enter", ctrl=True, shift=True, code=13)
    page.wait("document.getElementById('out-answer-wrong').textContent.startsWith('answer is empty')")
    assert page.run("document.activeElement.id") == "out-answer"


def test_inputs_of_every_type_are_asked_and_what_does_not_fit_is_told_at_its_field(
    browser: Browser, play: Play
) -> None:
    page = opened(browser, play(), "typed")
    focus(page, "#in-text")
    page.write("lovely")
    page.run("document.querySelector('[name=in-is_new][value=false]').click()")
    page.press("Enter", ctrl=True, code=13)
    page.wait("document.getElementById('in-stars-wrong').textContent.startsWith('stars must be')")
    assert page.run("document.activeElement.id") == "in-stars"
    assert page.run("document.activeElement.getAttribute('aria-invalid')") == "true"
    page.write("3")
    page.press("Enter", ctrl=True, code=13)
    page.wait(ANSWERED)
    prompt = page.run("document.querySelector('.compiled pre').textContent")
    assert "Text: lovely\nStars: 3\nIs new: no" in prompt


def test_numbers_keep_all_digits_and_an_input_with_a_default_may_be_left_empty(browser: Browser, play: Play) -> None:
    digits = "12345678901234567890"
    model = ScriptedModel(lambda prompt, sampling: Completion(text=f" {digits}\nBest: unanswerable"))
    page = opened(browser, play({"sums": toy_program(toy_prompt(SUMS))}, model), "sums")
    focus(page, "#in-number")
    page.write(digits)
    assert page.run("document.getElementById('in-limit').placeholder") == "5 if left empty"
    page.press("Enter", ctrl=True, code=13)
    page.wait(ANSWERED)
    assert text(page, ".compiled .answer").split() == ["total", digits, "best", "unanswerable"]
    page.press("Enter", ctrl=True, shift=True, code=13)
    page.wait("document.getElementById('kept').textContent === 'Kept. sums.rows.jsonl has 1 row.'")
    row = {"number": int(digits), "limit": 5, "hint": None, "total": int(digits), "best": None}
    assert json.loads(Path("sums.rows.jsonl").read_text()) == row


def test_a_default_does_not_replace_what_is_no_number(browser: Browser, play: Play) -> None:
    """A browser gives no text for it, as for a field that is empty."""
    page = opened(browser, play({"sums": toy_program(toy_prompt(SUMS))}), "sums")
    for name, written in (("number", "1"), ("limit", "1e")):
        focus(page, f"#in-{name}")
        page.write(written)
    page.press("Enter", ctrl=True, code=13)
    page.wait("document.getElementById('in-limit-wrong').textContent.startsWith('limit must be')")


def test_many_labels_are_a_list_that_opens_and_the_likeliest_are_shown(browser: Browser, play: Play) -> None:
    labels = ("card_payment_wrong_exchange_rate", *(f"intent {count}" for count in range(76)))
    intent = Field(name="intent", kind="label", labels=labels)
    signature = Signature(name="Intent", instructions="Which?", inputs=(Field(name="text"),), outputs=(intent,))
    decoding = Decoding(decide_by="logprobs", max_tokens=20, top_logprobs=20)
    prompt = toy_prompt(signature).model_copy(update={"decoding": decoding})

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        first = {" intent": math.log(0.7), " card": math.log(0.2)} if sampling.top_logprobs else None
        return Completion(text=" intent 2", first_token=first)

    page = opened(browser, play({"intent": toy_program(prompt)}, ScriptedModel(answer)), "intent")
    assert page.run("document.querySelectorAll('#outputs option').length") == 78
    focus(page, "#in-text")
    page.write("Where is my card?")
    page.press("Enter", ctrl=True, code=13)
    page.wait(ANSWERED)
    assert page.run("document.getElementById('out-intent').value") == text(page, ".compiled .answer")
    assert text(page, ".compiled .block summary") == "69 more"
    assert page.run("document.querySelector('.compiled .bar').offsetWidth") >= 40
    page.press("Enter", ctrl=True, shift=True, code=13)
    page.wait("document.getElementById('kept').textContent.startsWith('Kept.')")


def test_text_from_right_to_left_runs_so(browser: Browser, play: Play) -> None:
    page = opened(browser, play({"qa": guarded()}, ScriptedModel(lambda prompt, sampling: Completion(text=" רומא"))))
    for name, said in (("question", "מי היה שם?"), ("context", "זה היה רומא.")):
        focus(page, f"#in-{name}")
        page.write(said)
    page.press("Enter", ctrl=True, code=13)
    page.wait(ANSWERED)
    for selector in ("#in-question", "#in-context", "#out-answer", ".compiled dd", ".compiled .passage"):
        shown = f"getComputedStyle(document.querySelector({json.dumps(selector)})).direction"
        assert page.run(shown) == "rtl", selector


def test_a_program_whose_inputs_changed_is_told_and_a_nonsense_address_shows_the_first(
    browser: Browser, play: Play
) -> None:
    server = play({"mood": calibrated()})
    page = opened(browser, server, "%E0%A4%A")
    assert page.run("document.title") == "mood · Cribsheet play"
    save(guarded(), server.files["mood"])
    wait_until(lambda: "question" in server.get("/play/programs").text)
    page.run("document.getElementById('ask').click()")
    page.wait("!document.getElementById('banner').hidden")
    assert text(page, "#banner") == "The program has other inputs since its file changed. Reload this page."


def test_html_in_an_input_or_an_answer_stays_text(browser: Browser, play: Play) -> None:
    evil = "<img src=x onerror=document.title='owned'>"

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        return Completion(text=f" {evil}")

    page = opened(browser, play({"qa": guarded()}, ScriptedModel(answer)))
    for name in ("question", "context"):
        focus(page, f"#in-{name}")
        page.write(f"{evil} where?")
    page.press("Enter", ctrl=True, code=13)
    page.wait(ANSWERED)
    assert evil in text(page, ".compiled .answer")
    assert page.run("document.querySelectorAll('main img').length") == 0
    assert "owned" not in page.run("document.title")


def test_a_program_with_labels_shows_their_shares_and_a_model_that_fails_is_told(browser: Browser, play: Play) -> None:
    server = play({"mood": calibrated(), "qa": guarded()}, mood())
    page = opened(browser, server, "mood")
    focus(page, "#in-text")
    page.write("lovely")
    page.run("document.getElementById('ask').click()")
    page.wait(ANSWERED)
    assert page.run("document.querySelectorAll('.compiled [role=meter]').length") == 2
    assert "before the corrections" in text(page, ".compiled")
    page.run("location.hash = '#qa'")
    page.wait("!!document.getElementById('in-question')")
    server.stop()
    page.run("document.getElementById('ask').click()")
    page.wait("document.querySelectorAll('.card .problem').length === 3")
    assert "server" in text(page, ".compiled .problem").casefold()


def test_the_page_asks_no_other_host_fits_a_phone_and_labels_its_controls(page: Browser) -> None:
    page.press("Enter", ctrl=True, code=13)
    page.wait(ANSWERED)
    own = page.run("location.origin")
    asked = [one["params"]["request"]["url"] for one in page.said if one.get("method") == "Network.requestWillBeSent"]
    assert len(asked) >= 8
    assert [url for url in asked if not url.startswith((own, "data:", "about:"))] == []
    assert [one for one in page.said if one.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded")] == []
    for width in (320, 390, 800, 1280):
        page.resize(width, 800, is_phone=width < 500)
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), width
    unnamed = (
        "[...document.querySelectorAll('input, textarea, button, [role=meter], [role=img]')].filter((one) =>"
        " !one.labels?.length && !one.textContent.trim() && !one.getAttribute('aria-label')).length"
    )
    assert page.run(unnamed) == 0
    for is_dark in (False, True):
        page.dark(is_dark)
        assert page.run(CONTRAST) >= 4.5
    page.dark(False)


CONTRAST = """(() => {
  const part = (c) => (c /= 255, c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map(Number);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (!color.endsWith(", 0)")) return color;
    }
  };
  const contrast = (one) => {
    const [a, b] = [getComputedStyle(one).color, ground(one)].map(light);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const tags = "h1, h2, h3, p, a, td, th, small, label, button, summary, dd, mark";
  return Math.min(...[...document.querySelectorAll(tags)].filter((one) => one.innerText).map(contrast));
})()"""
"""The least contrast of a text with what is behind it."""
