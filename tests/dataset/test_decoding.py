"""Bytes become text in the encodings that files of rows come in."""

import pytest

from cribsheet.dataset.rows import load_rows
from cribsheet.errors import DataError
from row_cases import GOOD
from toys import SENTIMENT

TABLE = 'text;sentiment\r\n"北京, été 🙂";positive\r\n'


CHINESE = "text,sentiment\n第一部电影很好看，演员也不错，一点都不无聊。,positive\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(("name", "text"), [("x.csv", TABLE), ("x.jsonl", GOOD)])
def test_a_byte_order_mark_tells_the_encoding(write, encoding, name, text):
    plain = load_rows(write(f"plain-{name}", text), SENTIMENT)
    assert load_rows(write(name, text.encode(encoding)), SENTIMENT) == plain


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_the_order_of_bytes_is_that_of_the_mark(write, encoding):
    path = write("x.csv", ("\ufeff" + TABLE).encode(encoding))
    assert load_rows(path, SENTIMENT)[0].inputs["text"] == "北京, été 🙂"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD.encode("utf-16-le"), "are NUL, as in UTF-16-LE without its byte order mark. Save the file as UTF-8."),
        (GOOD.encode("utf-16-be"), "are NUL, as in UTF-16-BE without its byte order mark. Save the file as UTF-8."),
        (GOOD.encode("utf-32-le"), "are NUL, as in UTF-32-LE without its byte order mark. Save the file as UTF-8."),
        (GOOD.encode("utf-32-be"), "are NUL, as in UTF-32-BE without its byte order mark. Save the file as UTF-8."),
        (CHINESE.encode("utf-16-le"), "as in UTF-16-LE without its byte order mark. Save the file as UTF-8."),
        (CHINESE.encode("utf-16-be"), "as in UTF-16-BE without its byte order mark. Save the file as UTF-8."),
        (CHINESE.encode("utf-32-le"), "as in UTF-32-LE without its byte order mark. Save the file as UTF-8."),
        (CHINESE.encode("utf-32-be"), "as in UTF-32-BE without its byte order mark. Save the file as UTF-8."),
        (
            GOOD.encode("utf-32")[:-1],
            "has the byte order mark of UTF-32-LE, but byte 156 is not valid in it: truncated data. Save",
        ),
        (
            GOOD.encode("utf-16")[:-1],
            "has the byte order mark of UTF-16-LE, but byte 78 is not valid in it: truncated data. Save",
        ),
        (
            b"\xff\xfe" + b"\x00\xd8" * 2,
            "has the byte order mark of UTF-16-LE, but byte 2 is not valid in it: illegal UTF-16 surrogate",
        ),
        (
            "text,sentiment\ncafé,positive\n".encode("cp1252"),
            "line 2: not UTF-8, byte 0xe9 at offset 18. Save the file",
        ),
        (b"PK\x03\x04 rows", "is a zip file, as Excel's workbooks are, not text. In Excel, save it as CSV UTF-8"),
        (b"\x1f\x8b\x08 rows", "is a gzip file, not text. Name it with .gz behind"),
        (b"PAR1 rows", "is a Parquet file, not text. Name it *.parquet."),
        (b"\xff\xfe", "is empty. Add rows"),
        (b"\xef\xbb\xbf \r\n", "is empty. Add rows"),
    ],
    ids=[
        *("no mark", "no mark 16 BE", "no mark 32", "no mark 32 BE"),
        *("Chinese", "Chinese 16 BE", "Chinese 32", "Chinese 32 BE"),
        *("cut 32", "cut", "half a pair", "latin", "zip", "gzip", "parquet", "mark alone", "blanks alone"),
    ],
)
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_what_is_no_text_is_said_with_what_to_do(write, name, content, message):
    path = write(name, content)
    with pytest.raises(DataError) as caught:
        load_rows(path, SENTIMENT)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    for name in ("x\0.csv", "x" * 9999 + ".csv"):
        with pytest.raises(DataError, match="cannot be read"):
            load_rows(tmp_path / name, SENTIMENT)
