"""Whatever is asked of a service over HTTP, no answer is our fault and none is one that its document leaves out."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from deploy.local.system import SERVICES, Databases
from tests.fuzz.serving import Served, served

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
schemathesis.serializer.alias("text/csv", "text/plain")
SHORT = settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SHORT, max_examples=100, derandomize=False, phases=[Phase.generate, Phase.shrink], print_blob=True)


@pytest.fixture
def pages(databases: Databases, service: str) -> Iterator[Served]:
    """The service's pages on a port of their own."""
    with served(service, databases.dsns[service]) as pages:
        yield pages


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", SERVICES)
def test_no_answer_is_our_fault_or_undocumented(service: str, pages: Served) -> None:
    assert_answers_are_documented(pages, SHORT)


@pytest.mark.prove
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("service", SERVICES)
def test_no_answer_of_very_many_is_our_fault_or_undocumented(service: str, pages: Served) -> None:
    assert_answers_are_documented(pages, LONG)


def assert_answers_are_documented(pages: Served, how: settings) -> None:
    """Asks every endpoint in ways that fit its document and in ways that do not, signed in and not."""
    schema = schemathesis.openapi.from_dict(pages.document)
    for found in schema.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]  # an Err has no operation, and fails here
        answers = ask(pages, operation, how)
        print(operation.method.upper(), operation.path, dict(sorted(answers.items())))  # noqa: T201 - what was reached


def ask(pages: Served, operation: APIOperation[Any, Any, Any, Any], how: settings) -> Counter[int]:
    """Asks one endpoint again and again; how often it gave which status."""
    answers: Counter[int] = Counter()
    known = {name: value for name, value in pages.there.items() if f"{{{name}}}" in operation.path}
    what_is_there = operation.as_strategy(path_parameters=known or None)
    cases = st.one_of(
        what_is_there, what_is_there, operation.as_strategy(), operation.as_strategy(GenerationMode.NEGATIVE)
    )

    @how
    @given(case=cases, signed_in=st.sampled_from([True, True, True, True, False]))
    def once(case: Case[Any], signed_in: bool) -> None:
        headers = pages.sign_in(case.path) if signed_in else {}
        answer = case.call(base_url=pages.address, headers=headers, timeout=30, allow_redirects=False)
        answers[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    once()
    return answers
