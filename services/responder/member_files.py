"""Members' lists as CSV: read as spreadsheets really write them, and written so that no spreadsheet runs a cell.

The first row names the columns: person, name, role, and perhaps email and team; what other columns say is passed over.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import ValidationError

from services.responder.members import Member, MemberWritten, Step, written_down
from shared.hearing import problems
from shared.problems import FieldProblem

COLUMNS = ("person", "name", "email", "role", "team")
NEEDED = {"person", "name", "role"}
MOST_ROWS = 5000
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet."""


class BadFile(ValueError):
    """The file as a whole cannot be read; a sentence says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, numbered as a spreadsheet numbers it: what it says, or what is wrong with it."""

    number: int
    written: MemberWritten | None
    faults: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a row: a step, or faults."""

    number: int
    step: Step | None
    faults: tuple[FieldProblem, ...] = ()


def read(body: bytes) -> list[Row]:
    """The rows of a file in UTF-8, with or without a mark, with commas or semicolons, with any line ends."""
    try:
        text = body.decode("utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = ";" if first.count(";") > first.count(",") else ","
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except UnicodeDecodeError as error:
        raise BadFile("The file is not UTF-8.") from error
    except csv.Error as error:
        raise BadFile("The file is not CSV.") from error
    columns = _columns(lines[0] if lines else [])
    rows = [(number, cells) for number, cells in enumerate(lines[1:], start=2) if any(cell.strip() for cell in cells)]
    if len(rows) > MOST_ROWS:
        raise BadFile(f"The file has more than {MOST_ROWS} rows.")
    return [_row(number, columns, cells) for number, cells in rows]


def _columns(cells: Sequence[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    known = [column for column in columns if column in COLUMNS]
    if NEEDED - set(known) or len(known) > len(set(known)):
        raise BadFile(
            "The first row must name the columns person, name and role, each once; email and team may follow."
        )
    return columns


def _row(number: int, columns: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) > len(columns):
        return Row(number, None, (FieldProblem(field="row", problem="has more cells than the first row"),))
    said = {column: unguarded(cell.strip()) for column, cell in zip(columns, cells, strict=False) if column in COLUMNS}
    filled = {column: text for column, text in said.items() if text}
    if "role" in filled:
        filled["role"] = filled["role"].lower()
    try:
        return Row(number, MemberWritten.model_validate(filled))
    except ValidationError as error:
        return Row(number, None, tuple(FieldProblem(field=where, problem=what) for where, what in problems(error)))


def judge(
    organisation: str, rows: Iterable[tuple[Row, str]], teams: Iterable[str], known: Mapping[UUID, Member]
) -> list[Judged]:
    """What becomes of each row, given with its person's principal; somebody who stands there twice is refused."""
    judged, there, first = [], set(teams), dict[UUID, int]()
    for row, principal in rows:
        if row.written is None:
            judged.append(Judged(row.number, None, row.faults))
            continue
        step = written_down(organisation, principal, row.written, known)
        before = first.setdefault(step.after.member, row.number)
        faults = []
        if row.written.team is not None and row.written.team not in there:
            faults.append(FieldProblem(field="team", problem="is no team of this organisation"))
        if before != row.number:
            faults.append(FieldProblem(field="person", problem=f"stands in row {before} already"))
        judged.append(Judged(row.number, None if faults else step, tuple(faults)))
    return judged


# --- on the way out ---------------------------------------------------------------------------------


def write(members: Iterable[Member]) -> bytes:
    """The same columns, and where each member stands; read again, nothing is new."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*COLUMNS, "state"])
    for one in members:
        cells = (one.person, one.name, one.email, one.role, one.team, one.state)
        writer.writerow([guarded(cell or "") for cell in cells])
    return text.getvalue().encode("utf-8-sig")


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULAS) else cell


def unguarded(cell: str) -> str:
    """What the cell said before it was guarded."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULAS) else cell
