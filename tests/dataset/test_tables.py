"""Tables as people have them: quotes left open, cells that hold Python's lists, lines above the header."""

import pytest

from cribsheet.dataset.rows import load_rows
from cribsheet.errors import DataError
from toys import SENTIMENT


@pytest.mark.parametrize(
    ("text", "line", "end"),
    [
        ('text,sentiment\n"Great movie,positive\nbad,negative\nmeh",positive\n', 2, 4),
        ('text,sentiment\n"Great movie,positive\nmeh",positive\n', 2, 3),
        ('text,sentiment\nfine,positive\n"Great movie,positive\nmeh",negative\n', 3, 4),
        ('id;text;sentiment\n1;"Great movie;positive\r\n2;bad;negative\r\n3;meh";positive\r\n', 2, 4),
        ('text\tsentiment\n"Great movie\tpositive\nbad\tnegative\nmeh"\tpositive\n', 2, 4),
    ],
)
def test_a_quote_left_open_that_swallows_rows_is_refused_with_its_line(write, text, line, end):
    with pytest.raises(DataError, match=f"x.csv, line {line}: the quote that opens here ends in line {end}, and"):
        load_rows(write("x.csv", text), SENTIMENT)


@pytest.mark.parametrize(
    "cell",
    [
        "Two lines\nof prose",
        "Dear all,\nit was fine.\nBye",
        "First, a line.\nThen, another.\nEnd",
        "a,b\nc,d",
        "Fine,really\nfine",
        "\n\n",
    ],
)
def test_a_quoted_cell_of_several_lines_is_one_cell(write, cell):
    rows = load_rows(write("x.csv", f'text,sentiment\n"x {cell}",positive\nbad,negative\n'), SENTIMENT)
    assert [row.inputs["text"] for row in rows] == [f"x {cell}", "bad"]
