"""The layouts that ship with Cribsheet."""

from cribsheet.errors import LayoutError
from cribsheet.layout import Layout, Mark

_TAGS = Mark(open="[{tag}]", close="[end of {tag}]")
_XML = Mark(open="<{tag}>", gap="", close="</{tag}>")
_HEADING = Mark(open="### {word}", gap="\n")
_LOWER = Mark(open="{tag}:")
_WIDE = Mark(open="{word}：", gap="")
_REMINDER = "Use nothing but the text above."

LAYOUTS: tuple[Layout, ...] = (
    Layout(name="plain", style="raw", instructions_at="none"),
    Layout(name="plain-lead-last", style="raw", instructions_at="none", lead="last"),
    Layout(name="plain-lead-both", style="raw", instructions_at="none", lead="both"),
    Layout(name="instructed", style="raw"),
    Layout(name="instructed-lead-last", style="raw", lead="last"),
    Layout(name="lower-case", style="raw", instructions_at="none", input_mark=_LOWER, output_mark=_LOWER),
    Layout(
        name="tags",
        style="raw",
        input_mark=_TAGS,
        output_mark=_LOWER,
        reminder=_REMINDER,
    ),
    Layout(
        name="arrow",
        style="raw",
        instructions_at="none",
        input_mark=Mark(open="", gap=""),
        output_mark=Mark(open="=>"),
    ),
    Layout(name="xml", style="raw", input_mark=_XML, output_mark=_XML, lead="last"),
    Layout(name="heading", style="raw", input_mark=_HEADING, output_mark=Mark(open="### {word}\n", gap="")),
    Layout(
        name="reasons",
        style="raw",
        lead="last",
        reasons=True,
        verbalizers={"unanswerable": "not stated"},
    ),
    Layout(name="wide-colon", style="raw", input_mark=_WIDE, output_mark=_WIDE, language="zh"),
    Layout(name="message", style="one_message"),
    Layout(name="message-lead-both", style="one_message", lead="both", instructions_at="end"),
    Layout(name="message-tags", style="one_message", input_mark=_TAGS, output_mark=_LOWER, reminder=_REMINDER),
    Layout(name="message-xml", style="one_message", input_mark=_XML, output_mark=_XML, lead="last"),
    Layout(name="chat", style="chat_turns"),
    Layout(name="chat-lead-last", style="chat_turns", lead="last", cue=False),
    Layout(name="chat-tags", style="chat_turns", input_mark=_TAGS, cue=False, lead="last"),
)
"""Layouts for models that write text. They differ in style, in the place of the lead input, and in the marks."""

QUESTIONS: tuple[Layout, ...] = (
    Layout(name="choice", style="choice"),
    Layout(name="choice-short", style="choice", instructions_at="none"),
    Layout(name="choice-described", style="described_choice"),
    Layout(name="choice-lead-last", style="choice", lead="last"),
    Layout(name="choice-xml", style="choice", input_mark=_XML, output_mark=_XML),
    Layout(name="noul", style="noul"),
    Layout(name="noul-short", style="noul", instructions_at="none"),
    Layout(name="score", style="score"),
    Layout(name="score-short", style="score", instructions_at="none"),
)
"""Layouts for models that only decide: a choice, a yes or no, or a score, with or without the instructions."""

ZERO_SHOT = "message"
"""The layout of the zero-shot baseline: the instructions and the inputs in one message to a chat model."""
ZERO_SHOT_RAW = "instructed"
"""The layout of the zero-shot baseline for a model that does not accept chats."""


def layout_named(name: str) -> Layout:
    """Return a layout of the catalogue; LayoutError lists the known names."""
    for layout in (*LAYOUTS, *QUESTIONS):
        if layout.name == name:
            return layout
    known = ", ".join(layout.name for layout in (*LAYOUTS, *QUESTIONS))
    raise LayoutError(f"There is no layout {name!r}. Known layouts: {known}.")
