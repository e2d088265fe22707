"""Episodes: on which pages they stand, in which order, and how one is taken away."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import InvalidRequestError

from broadcast.administrative_unit import add_village, seed_da_nang, unit_of_slug
from broadcast.archive import Episode, belongs, episode, episodes, keep_episodes, newest, withdraw_episode
from broadcast.asrun import aired as aired_at
from broadcast.database import Database
from broadcast.errors import NotAllowed, NotFound
from broadcast.permission import Person


@pytest.fixture
def aired(desk: Any, now: datetime) -> Callable[[str, str], str]:
    """A function that puts an episode of a unit into the archive, each a minute later than the last."""
    count = iter(range(1000))

    def put(title: str, path: str) -> str:
        minute = next(count)
        one = Episode(
            item_id=f"item {minute}", unit_path=path, rendition_sha256="aa", title=title, text="", sentences=[],
            aired_at=now + timedelta(minutes=minute), duration_ms=60_000,
        )  # fmt: skip
        with desk.database.transaction() as session:
            assert keep_episodes(session, [one]) == 1
            session.flush()
            return one.id

    return put


def test_a_communes_page_shows_its_own_its_villages_and_the_citys(
    desk: Any, aired: Callable[..., str], now: Any
) -> None:
    commune = desk.city.hai_chau
    with desk.database.transaction() as session:
        village = add_village(session, session.merge(commune), "Thôn Một", now)
    for title, path in (("city", "48"), ("own", commune.path), ("other", desk.city.lien_chieu.path)):
        aired(title, path)
    aired("village", village.path)
    with desk.database.reading() as session:
        assert [one.title for one in episodes(session, commune)] == ["village", "own", "city"]
        assert [one.title for one in episodes(session, village)] == ["village", "own", "city"]
        assert [one.title for one in episodes(session, desk.city.city)] == ["city"]
        assert [one.title for one in newest(session, 2)] == ["village", "other"]
        for one in newest(session):
            assert belongs(one, commune) == (one.title != "other")


def test_older_pages_follow_without_a_gap(desk: Any, aired: Callable[..., str]) -> None:
    for number in range(5):
        aired(str(number), desk.city.hai_chau.path)
    seen: list[str] = []
    before: datetime | None = None
    with desk.database.reading() as session:
        while page := episodes(session, desk.city.hai_chau, before=before, limit=2):
            seen += [one.title for one in page]
            before = page[-1].aired_at
    assert seen == ["4", "3", "2", "1", "0"]


def test_what_everybody_may_ask_for_is_read_in_order_from_an_index(tmp_path: Path, now: datetime) -> None:
    database, asked = Database(f"sqlite:///{tmp_path / 'loa.db'}"), []
    database.upgrade()
    with database.transaction() as session:
        commune = seed_da_nang(session, now.date()) and unit_of_slug(session, "hai-chau")
    event.listen(database.engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    with database.reading() as session:
        newest(session)
        episodes(session, commune, before=now)
        aired_at(session, commune, now, now + timedelta(days=1))
        found = [one for one in list(asked) if "FROM episode" in one[0] or "FROM as_run" in one[0]]
        plans = [session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given).all() for sql, given in found]
    database.close()
    told = [" ".join(str(step) for step in plan) for plan in plans]
    assert len(told) == 4
    assert all("INDEX" in plan for plan in told)
    assert not any("TEMP B-TREE FOR ORDER BY" in plan for plan in told[:3])
    assert "ix_as_run_unit_planned" in told[3]


def test_the_newest_are_told_without_their_texts(desk: Any, aired: Callable[..., str]) -> None:
    aired("own", desk.city.hai_chau.path)
    with desk.database.reading() as session:
        (one,) = newest(session)
        assert one.title == "own"
        with pytest.raises(InvalidRequestError):
            _ = one.text


def test_an_item_is_one_episode_however_often_it_is_written(desk: Any, now: datetime) -> None:
    def one(path: str) -> Episode:
        return Episode(
            item_id="item", unit_path=path, rendition_sha256="aa", title="", text="", sentences=[], aired_at=now,
            duration_ms=1,
        )  # fmt: skip

    with desk.database.transaction() as session:
        assert keep_episodes(session, [one("48/1")]) == 1
    with desk.database.transaction() as session:
        assert keep_episodes(session, [one("48/1"), one("48/2")]) == 1


def test_a_withdrawn_episode_is_gone_and_only_who_approves_may_do_it(
    desk: Any,
    aired: Callable[..., str],
    person: Callable[..., Person],
    now: datetime,
    acts_on: Any,
) -> None:
    one, approver = aired("own", desk.city.hai_chau.path), person("duyet", "approver", desk.city.hai_chau)
    with desk.database.transaction() as session, pytest.raises(NotAllowed):
        withdraw_episode(session, episode(session, one), desk.editor, now)
    with desk.database.transaction() as session:
        withdraw_episode(session, episode(session, one), approver, now)
    with desk.database.reading() as session:
        assert episodes(session, desk.city.hai_chau) == []
        assert newest(session) == []
        assert [act.act for act in acts_on(session, "episode", one)] == ["episode.withdraw"]
        with pytest.raises(NotFound):
            episode(session, one)


def test_an_unknown_episode_is_not_found(desk: Any) -> None:
    with desk.database.reading() as session, pytest.raises(NotFound):
        episode(session, "nothing")
