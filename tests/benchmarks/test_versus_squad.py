"""Off-topic questions."""

from versus.squad import Paragraph, half_and_half, off_topic

PARAGRAPHS = [
    Paragraph("Gravity", "Apples fall.", (("What falls?", ("Apples", "apples")),)),
    Paragraph("Gravity", "The moon falls too.", (("What falls too?", ("The moon",)),)),
    Paragraph("Diaries", "Anne Frank wrote one.", (("Who wrote one?", ("Anne Frank",)),)),
]


def test_each_question_is_asked_of_its_text_and_of_another_articles() -> None:
    answerable, unanswerable = off_topic(PARAGRAPHS, seed=0)
    article = {one.context: one.article for one in PARAGRAPHS}
    home = {question: one.article for one in PARAGRAPHS for question, _ in one.questions}
    assert len(answerable) == len(unanswerable) == 3
    assert all(article[row["context"]] == home[row["question"]] for row in answerable)
    assert all(article[row["context"]] != home[row["question"]] for row in unanswerable)
    assert ["Apples", "apples"] in [row["answer"] for row in answerable]


def test_rows_share_a_group_where_they_share_a_text() -> None:
    rows = [row for part in off_topic(PARAGRAPHS, seed=0) for row in part]
    assert len({row["group"] for row in rows}) == len({row["context"] for row in rows})


def test_half_of_the_rows_are_unanswerable() -> None:
    rows = half_and_half(*off_topic(PARAGRAPHS, seed=0), limit=5, seed=0)
    assert len(rows) == 4
    assert sum(row["answer"] == {"unanswerable": None} for row in rows) == 2
