"""Report whether a score still holds, in the formats that people, machines or CI need."""

from typing import Any
from xml.etree import ElementTree

from rich.table import Table

from cribsheet.evaluation.drift import Drift
from cribsheet.report.tables import add_score, scores_table


def drift_table(found: Drift) -> Table:
    """Return a table of both scores and the change, with their intervals."""
    table, change = scores_table(), found.change
    add_score(table, "recorded", found.before)
    add_score(table, "now", found.now)
    table.add_row("change", f"{change.mean:+.3f}", f"{change.low:+.3f} to {change.high:+.3f}", str(change.n))
    return table


def verdict(found: Drift, *, advice: str = "Compile again.") -> str:
    """Return a sentence that says whether the score holds, with advice if it does not."""
    how = "paired by row" if found.is_paired else "on other rows"
    if found.holds:
        same = " Every row scores as before; the interval tells how far other rows may differ." if found.is_same else ""
        return f"The score holds: the interval of the change, {how}, is not wholly below 0.{same}"
    return f"The score does not hold: the whole interval of the change, {how}, is below 0. {advice}"


def drift_summary(found: Drift) -> dict[str, Any]:
    """Return both scores and the change as JSON."""
    return {
        "holds": found.holds,
        "recorded": found.before.model_dump(),
        "now": found.now.model_dump(),
        "change": found.change.model_dump(),
        "paired": found.is_paired,
        "same": found.is_same,
    }


def junit(found: Drift, name: str) -> str:
    """Return JUnit XML with one test, which fails if the score does not hold."""
    suite = ElementTree.Element(
        "testsuite", name="cribsheet check", tests="1", failures=str(int(not found.holds)), errors="0"
    )
    case = ElementTree.SubElement(suite, "testcase", classname="cribsheet.check", name=name)
    if not found.holds:
        ElementTree.SubElement(case, "failure", message=verdict(found)).text = _figures(found)
    ElementTree.SubElement(case, "system-out").text = _figures(found)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def markdown(found: Drift, name: str) -> str:
    """Return the result as Markdown."""
    rows = (("recorded", found.before), ("now", found.now), ("change", found.change))
    lines = [f"### {name}: {'the score holds' if found.holds else 'the score does not hold'}", ""]
    lines += [
        "| | score, 95 % interval, rows |",
        "| --- | --- |",
        *(f"| {label} | {figure} |" for label, figure in rows),
    ]
    return "\n".join([*lines, "", verdict(found), ""]) + "\n"


def _figures(found: Drift) -> str:
    return f"recorded {found.before}\nnow {found.now}\nchange {found.change}"
