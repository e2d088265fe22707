"""Roles give acts over a unit and all below it, and nothing more; what was refused is written down."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.audit import Audit, acting, looking
from broadcast.database import Database
from broadcast.errors import NotAllowed, NotFound
from broadcast.permission import ROLES, Person, require
from broadcast.programme import programme_for
from broadcast.unit_path import covers

PATHS = ["48", "48/20242", "48/20242/thon-1", "48/20197", "48/2024", "49"]
ACTS = ["view", "compose", "approve", "schedule", "fleet", "account"]


def somebody(*grants: tuple[str, str]) -> Person:
    return Person("a", "lan", "Lan", "vi", "csrf", tuple((role, path, path) for role, path in grants))


@given(
    st.lists(st.tuples(st.sampled_from(sorted(ROLES)), st.sampled_from(PATHS)), max_size=4),
    st.sampled_from(ACTS),
    st.sampled_from(PATHS),
)
def test_an_act_is_given_by_a_role_over_the_unit_or_one_above(
    grants: list[tuple[str, str]], act: str, path: str
) -> None:
    above = ["/".join(path.split("/")[: length + 1]) for length in range(path.count("/") + 1)]
    expected = any(act in ROLES[role] and over in above for role, over in grants)
    person = somebody(*grants)
    assert person.may(act, path) is expected
    assert any(covers(over, path) for over in person.paths(act)) is expected


def test_a_code_that_begins_like_another_is_not_above_it() -> None:
    assert not somebody(("administrator", "48/2024")).may("view", "48/20242")


def test_the_units_of_an_act_do_not_lie_in_each_other() -> None:
    person = somebody(("editor", "48/20242"), ("viewer", "48"), ("editor", "48/20242/thon-1"))
    assert person.paths("compose") == ("48/20242",)
    assert person.paths("view") == ("48",)


def test_a_refusal_says_what_was_asked_of_what() -> None:
    with pytest.raises(NotAllowed, match="không có quyền") as refusal:
        require(somebody(("viewer", "48")), "approve", "48/20242", object_type="programme", object_id="p")
    asked = refusal.value
    assert (asked.act, asked.unit_path, asked.object_type, asked.object_id) == (
        "approve",
        "48/20242",
        "programme",
        "p",
    )


def test_asking_for_what_is_not_there_is_written_down(
    database: Database,
    person: Callable[..., Person],
    now: datetime,
    acts_on: Any,
) -> None:
    lan = person("lan", "editor")
    with (
        pytest.raises(NotFound),
        acting(database, lan, now=now, address="192.0.2.7") as session,
    ):
        programme_for(session, "guess", lan)
    with database.reading() as session:
        (row,) = acts_on(session, "programme", "guess")
        assert (row.act, row.account_id, row.address) == ("refused.not_found", lan.account_id, "192.0.2.7")


def test_looking_at_another_unit_is_written_down(
    database: Database,
    person: Callable[..., Person],
    now: datetime,
    acts_on: Any,
) -> None:
    lan = person("lan", "editor")
    with pytest.raises(NotAllowed), looking(database, lan, now=now):
        require(lan, "view", "48/20197", object_type="media_asset", object_id="m")
    with database.reading() as session:
        (row,) = acts_on(session, "media_asset", "m")
        assert (row.act, row.detail) == ("refused.not_allowed", {"act": "view", "unit": "48/20197"})


def test_what_was_done_before_a_refusal_is_undone(
    database: Database,
    person: Callable[..., Person],
    now: datetime,
    acts_on: Any,
) -> None:
    lan = person("lan", "editor")

    def half_done() -> None:
        with acting(database, lan, now=now) as session:
            session.add(Audit(at=now, act="half", object_type="x", object_id="x", detail={}))
            require(lan, "approve", "48/20242")

    with pytest.raises(NotAllowed):
        half_done()
    with database.reading() as session:
        assert acts_on(session, "x", "x") == []
