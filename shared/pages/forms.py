"""Forms: what somebody filled in becomes a model, or goes back to the page with a sentence for each field.

A form is a pydantic model. A field's `title` is what it is called (*the person's name*), its `description` what is
wanted of it (*must be an e-mail address*). After an error all words stand where they were; after success the browser
is sent on with `seen_after`.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_origin

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from starlette.datastructures import FormData, UploadFile

from shared.pages import sentences
from shared.problems import FieldProblem, Problem

MOST_FIELDS, MOST_FILES, MOST_BYTES = 200, 1, 512_000
CANNOT_BE_KEPT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
"""Control characters but tab and line ends, and halves of characters: the database takes none of them."""
Words = Mapping[str, tuple[str, ...]]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Form(Generic[M]):
    """What was filled in: `value` if all of it is right, otherwise `faults` in the order of the fields."""

    model: type[M]
    words: Words = field(default_factory=dict)
    """As they came, for the page."""
    faults: tuple[FieldProblem, ...] = ()
    value: M | None = None

    def word(self, name: str) -> str:
        """What stands in a field; "" if nothing does."""
        return next(iter(self.words.get(name, ())), "")

    def fault(self, name: str) -> str | None:
        """What is not right with a field."""
        return next((fault.problem for fault in self.faults if fault.field == name), None)

    def label(self, name: str) -> str:
        """What a field is called."""
        return sentences.called(self.model, name)

    def refused(self, name: str, sentence: str) -> "Form[M]":
        """The same words with one more fault, which only the service could know; "" is the form as a whole."""
        return Form(self.model, self.words, (*self.faults, FieldProblem(field=name, problem=sentence)))


async def form_of(request: Request) -> FormData:
    """What was sent, within limits; the same however often it is asked for."""
    try:
        return await request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=MOST_BYTES)
    except UnicodeError as error:
        raise Problem(400, "bad_request", "The form names an encoding that cannot be read.") from error


async def filled_in(request: Request, model: type[M]) -> Form[M]:
    """The form that was sent; a file that is no text is a fault of its field."""
    sent = await form_of(request)
    words, unread = {}, set()
    for name in model.model_fields.keys() & sent.keys():
        try:
            words[name] = tuple([await _text(one) for one in sent.getlist(name)])
        except UnicodeDecodeError:
            unread.add(name)
    return checked(model, words, unread)


async def _text(one: UploadFile | str) -> str:
    return one if isinstance(one, str) else (await one.read()).decode("utf-8-sig")


def asked_for(request: Request, model: type[M]) -> Form[M]:
    """The same for a list's filters, whose words stand in the address."""
    asked = request.query_params
    return checked(model, {name: tuple(asked.getlist(name)) for name in model.model_fields.keys() & asked.keys()})


def checked(model: type[M], words: Words, unread: Collection[str] = ()) -> Form[M]:
    """Words against the model; an empty field counts as not filled in."""
    strange = {name for name, said in words.items() if any(map(CANNOT_BE_KEPT.search, said))} | {*unread}
    given = {
        name: _given(model.model_fields[name], said)
        for name, said in words.items()
        if name not in strange and any(map(str.strip, said))
    }
    found = {name: sentences.of_strange_characters(model, name) for name in strange}
    try:
        value = model.model_validate(given)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            found.setdefault(str(fault["loc"][0]) if fault["loc"] else "", sentences.of_fault(model, dict(fault)))
    if not found:
        return Form(model, words, value=value)
    kept = {name: tuple(CANNOT_BE_KEPT.sub("", word) for word in said) for name, said in words.items()}
    in_order = [FieldProblem(field=name, problem=found[name]) for name in (*model.model_fields, "") if name in found]
    return Form(model, kept, tuple(in_order))


def _given(info: FieldInfo, said: tuple[str, ...]) -> Any:
    return list(said) if get_origin(info.annotation) in {list, tuple, set, frozenset} else said[0]
