"""Error pages: what happened and what one can do, in plain English; nothing about how the service is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request, Response

from shared.pages.rendering import page

if TYPE_CHECKING:
    from shared.problems import Problem


@dataclass(frozen=True, slots=True)
class Words:
    """What an error page says."""

    heading: str
    happened: str
    do: str


_WORDS: Mapping[int, Words] = {
    400: Words(
        "We could not read what was sent",
        "Something in it was broken on the way, or was not what this page takes.",
        "Go back, check what you filled in, and send it again.",
    ),
    401: Words(
        "You need to sign in",
        "This page is only for people who have signed in, or you have been signed out because nothing happened for a "
        "while.",
        "Sign in, then open the page again.",
    ),
    403: Words(
        "You cannot use this page",
        "You have signed in, but your role does not include what this page does.",
        "If you need it for your work, ask the person who keeps the members of your organisation.",
    ),
    404: Words(
        "Page not found",
        "There is no page at this address, or it is not one that you can see.",
        "If you typed or pasted the address, check that all of it is there and that it is right.",
    ),
    409: Words(
        "This has changed since you opened it",
        "Somebody else may have done the same, or something newer stands in its place. Nothing was changed.",
        "Go back, load the page again, and see whether it still needs doing.",
    ),
    410: Words(
        "This is no longer here",
        "What was here has been deleted for good.",
        "There is nothing that you need to do.",
    ),
    412: Words(
        "Somebody else was here before you",
        "What you were changing has been changed since you opened it. Nothing of yours was saved.",
        "Load the page again, see how it stands now, and change it from there.",
    ),
    413: Words(
        "That is too much at once",
        "What you sent is larger than this service takes. Nothing was changed.",
        "Go back and send less: a smaller file, or a shorter text.",
    ),
    422: Words(
        "Something is missing or is not right",
        "We could not take what was sent, because a part of it is missing or has another form.",
        "Go back, check what you filled in, and send it again.",
    ),
    429: Words(
        "Too many tries",
        "There were more tries than we allow in a short time. Nothing was changed.",
        "Wait a few minutes, then try again.",
    ),
    500: Words(
        "Something went wrong on our side",
        "This is our mistake, not yours. Nothing was changed.",
        "Try again later. If it happens again, tell us.",
    ),
    503: Words(
        "The service is not available just now",
        "It is starting, or something that it needs is away. Nothing was changed.",
        "Try again in a few minutes.",
    ),
}
_OTHER = Words(
    "This page cannot do that",
    "What was asked for is not something that this page does.",
    "Go to the start page and find your way from there.",
)


def problem_page(request: Request, problem: "Problem") -> Response:
    """The page for a problem: chosen by its status alone, so that no more is told than to programs."""
    details = problem.details
    answer = page(
        request,
        "error.html",
        status=details.status,
        words=_WORDS.get(details.status, _OTHER),
        sign_in=details.status == 401,
        reference=details.reference,
    )
    answer.headers.update(problem.headers)
    return answer
