"""Who somebody is: the claim that names them, and the same name in a list of members, are the same subject."""

from typing import Any

import pytest

from shared.sign_in.oidc import Issuer
from shared.sign_in.tokens import BadToken
from shared.sign_in.told import SignIn
from tests.service import signed_in_by


def told(person_claim: str) -> SignIn:
    """A service whose issuer names people by this claim."""
    return SignIn(**(signed_in_by("responder") | {"person_claim": person_claim}))


def subject(person_claim: str, **claims: Any) -> str:
    """Who these claims are about."""
    return Issuer(told(person_claim)).subject(claims)


def test_large_letters_in_an_email_address_name_the_same_person_in_claims_and_in_lists() -> None:
    signed_in = subject("email", email="Robin@Example.ORG", email_verified=True)

    assert signed_in == told("email").subject_of("robin@example.org") == told("email").subject_of("ROBIN@example.org")


@pytest.mark.parametrize("claim", ["sub", "uid", "oid"])
def test_an_issuers_own_names_that_differ_by_a_letters_size_are_two_people(claim: str) -> None:
    assert subject(claim, **{claim: "aBc"}) == told(claim).subject_of("aBc") != subject(claim, **{claim: "abc"})


def test_letters_that_only_look_alike_when_folded_are_other_addresses() -> None:
    assert told("email").subject_of("strasse@example.org") != told("email").subject_of("straße@example.org")


@pytest.mark.parametrize("verified", [{}, {"email_verified": False}, {"email_verified": "true"}, {"email_verified": 1}])
def test_an_address_that_the_issuer_has_not_verified_is_nobody(verified: dict[str, Any]) -> None:
    with pytest.raises(BadToken, match="email_not_verified"):
        subject("email", email="robin@example.org", **verified)
