"""Sentences: what is not right with a field, said so that somebody can put it right; never with what they wrote."""

from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

CHOSEN = "chosen, not entered"
FileText = Annotated[str, CHOSEN]
"""The text of a file that somebody chose: UTF-8, as spreadsheets save CSV."""


def called(model: type[BaseModel], name: str) -> str:
    """What a field is called, at the beginning of a sentence."""
    title = _title(model.model_fields[name], name)
    return title[:1].upper() + title[1:]


def of_strange_characters(model: type[BaseModel], name: str) -> str:
    """For what no database keeps."""
    if CHOSEN in model.model_fields[name].metadata:
        return f"{called(model, name)} must be text: save it as CSV UTF-8 and choose it again"
    return f"{called(model, name)} has a character that cannot be kept: type it again"


def of_fault(model: type[BaseModel], fault: dict[str, Any]) -> str:
    """For one fault that pydantic found; what a validator of ours says is said as it is."""
    limits = fault.get("ctx", {})
    if type(limits.get("error")) is ValueError:
        return str(limits["error"])
    if not fault["loc"]:
        return "Something is not right"
    name = str(fault["loc"][0])
    info = model.model_fields[name]
    match fault["type"]:
        case "missing" | "enum" | "literal_error":
            return f"{'Choose' if _is_chosen(info) else 'Enter'} {_title(info, name)}"
        case "string_too_long":
            return f"{called(model, name)} must have {limits['max_length']} characters or fewer"
        case "string_too_short":
            return f"{called(model, name)} must have {limits['min_length']} characters or more"
    return f"{called(model, name)} {info.description or 'is not right'}"


def _title(info: FieldInfo, name: str) -> str:
    return info.title or name.replace("_", " ")


def _is_chosen(info: FieldInfo) -> bool:
    kinds = [info.annotation, *get_args(info.annotation)]
    lists = any(get_origin(kind) in {Literal, list, tuple, set, frozenset} for kind in kinds)
    return CHOSEN in info.metadata or lists or any(isinstance(kind, type) and issubclass(kind, Enum) for kind in kinds)
