"""What of the directory's files cannot be loaded, in sentences that name the row."""

from collections.abc import Iterable, Mapping

from pydantic import TypeAdapter, ValidationError

from services.router.rules import Files, Organisation
from shared.contracts import Code, Line
from shared.events import OrganisationKind

KINDS = [kind.value for kind in OrganisationKind]
SHAPES: Mapping[str, TypeAdapter[str]] = {"code": TypeAdapter(Code), "name": TypeAdapter(Line)}


def faults(files: Files) -> list[str]:
    """What does not fit together or fits into no event; empty if all does."""
    return [*_misshapen(files), *_missing(files), *_cycles(files.organisations)]


def _misshapen(files: Files) -> Iterable[str]:
    """A code that no event can carry would otherwise be found out by each story that is routed by it."""
    rows = [(f"organisation {one.code}", one.code, one.name) for one in files.organisations.values()]
    rows += [(f"team {one.code}", one.code, one.name) for one in files.teams.values()]
    rows += [(f"subscription {code}", code, code) for code, _, _ in files.subscriptions]
    for one in files.organisations.values():
        if one.kind not in KINDS:
            yield f"organisation {one.code}: the kind must be one of {' '.join(KINDS)}"
    for row, code, name in rows:
        for what, value in (("code", code), ("name", name)):
            if not _has_shape(what, value):
                yield f"{row}: the {what} has not the right shape"


def _has_shape(what: str, value: str) -> bool:
    try:
        SHAPES[what].validate_python(value)
    except ValidationError:
        return False
    return True


def _missing(files: Files) -> Iterable[str]:
    known, teams = files.organisations, files.teams
    for one in known.values():
        if one.parent and one.parent not in known:
            yield f"organisation {one.code}: parent {one.parent} is not there"
    for team in teams.values():
        if team.organisation not in known:
            yield f"team {team.code}: organisation {team.organisation} is not there"
    for code, reader, scope in files.subscriptions:
        if reader not in teams:
            yield f"subscription {code}: team {reader} is not there"
        if scope not in known:
            yield f"subscription {code}: scope {scope} is not there"


def _cycles(known: Mapping[str, Organisation]) -> Iterable[str]:
    """Those below a cycle are not above themselves, and are not named."""
    for code in known:
        if _is_above_itself(code, known):
            yield f"organisation {code}: is above itself"


def _is_above_itself(code: str, known: Mapping[str, Organisation]) -> bool:
    above, seen = known[code].parent, set[str]()
    while above is not None and above in known and above not in seen:
        if above == code:
            return True
        seen.add(above)
        above = known[above].parent
    return False
