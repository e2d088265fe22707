"""The queue: one piece to one worker, taken back from the dead, given up after three goes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from broadcast.database import Database
from broadcast.work import (
    LEASE_S,
    MAX_ATTEMPTS,
    Work,
    claim,
    enqueue,
    fail,
    finish,
    is_due,
    reap,
    release,
    renew,
    result_of,
)

KINDS = ("rendition",)
LEASE = timedelta(seconds=LEASE_S)
SECOND = timedelta(seconds=1)


def put(database: Database, key: str, now: datetime) -> str:
    with database.transaction() as session:
        return enqueue(session, "rendition", key, {"for": key}, now).id


def take(database: Database, worker: str, now: datetime) -> Work | None:
    with database.transaction() as session:
        return claim(session, worker, KINDS, now)


def test_pieces_are_taken_in_the_order_in_which_they_came(database: Database, now: datetime) -> None:
    put(database, "a", now)
    put(database, "b", now + SECOND)
    taken = [take(database, "w", now + SECOND) for _ in range(3)]
    assert [work.key if work else None for work in taken] == ["a", "b", None]


def test_a_notice_does_not_wait_behind_recordings_that_came_before_it(database: Database, now: datetime) -> None:
    put(database, "a recording of two hours", now - SECOND)
    with database.transaction() as session:
        enqueue(session, "speech", "a notice", {}, now)
        first = claim(session, "w", ("rendition", "speech"), now)
    assert first is not None
    assert first.key == "a notice"


def test_the_same_work_is_queued_once(database: Database, now: datetime) -> None:
    assert put(database, "a", now) == put(database, "a", now)
    take(database, "w", now)
    put(database, "a", now)
    assert take(database, "v", now) is None


def test_asking_from_many_sides_at_once_gives_one_piece(database: Database, now: datetime) -> None:
    with ThreadPoolExecutor(6) as pool:
        ids = set(pool.map(lambda _: put(database, "a", now), range(12)))
    assert len(ids) == 1


def test_workers_side_by_side_never_take_the_same_piece(database: Database, now: datetime) -> None:
    for number in range(20):
        put(database, f"piece {number}", now)

    def work_through(worker: str) -> list[str]:
        taken = []
        while (work := take(database, worker, now)) is not None:
            taken.append(work.key)
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [key for keys in pool.map(work_through, "abcd") for key in keys]
    assert sorted(taken) == sorted(f"piece {number}" for number in range(20))


def test_only_the_kinds_asked_for_are_due(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        enqueue(session, "speech", "s", {}, now)
        assert not is_due(session, KINDS, now)
        assert is_due(session, ("speech",), now)
        assert claim(session, "w", KINDS, now) is None


def test_what_is_done_keeps_its_result(database: Database, now: datetime) -> None:
    work_id = put(database, "a", now)
    take(database, "w", now)
    with database.transaction() as session:
        assert finish(session, work_id, "w", now, {"sha": "1"})
        assert result_of(session, "a") == {"sha": "1"}
        assert result_of(session, "b") is None
        assert not is_due(session, KINDS, now)


def test_asking_again_for_what_is_done_remembers_what_came_of_it(database: Database, now: datetime) -> None:
    work_id = put(database, "a", now)
    take(database, "w", now)
    with database.transaction() as session:
        finish(session, work_id, "w", now, {"sha": "1"})
    put(database, "a", now)
    again = take(database, "w", now)
    assert again is not None
    assert (again.attempts, again.payload) == (1, {"for": "a", "result": {"sha": "1"}})


def test_work_of_a_dead_worker_is_done_by_another(database: Database, now: datetime) -> None:
    work_id = put(database, "a", now)
    take(database, "dead", now)
    later = now + LEASE + SECOND
    with database.transaction() as session:
        assert reap(session, now + LEASE) == []
        assert [work.state for work in reap(session, later)] == ["waiting"]
    again = take(database, "alive", later + LEASE)
    assert again is not None
    assert (again.id, again.attempts) == (work_id, 2)


def test_a_worker_that_comes_back_late_changes_nothing(database: Database, now: datetime) -> None:
    work_id = put(database, "a", now)
    take(database, "late", now)
    later = now + LEASE + SECOND
    with database.transaction() as session:
        reap(session, later)
    take(database, "alive", later + LEASE)
    with database.transaction() as session:
        assert not renew(session, work_id, "late", later)
        assert not finish(session, work_id, "late", later, {})
        assert fail(session, work_id, "late", later, "no", retry=False) is None
        release(session, work_id, "late", later)
        assert finish(session, work_id, "alive", later, {})


def test_a_lease_that_is_renewed_is_not_taken_back(database: Database, now: datetime) -> None:
    work_id = put(database, "a", now)
    take(database, "w", now)
    with database.transaction() as session:
        assert renew(session, work_id, "w", now + LEASE / 2)
        assert reap(session, now + LEASE + SECOND) == []


def test_work_fails_for_good_after_three_goes_and_says_why(database: Database, now: datetime) -> None:
    work_id, at = put(database, "a", now), now
    for attempt in range(1, MAX_ATTEMPTS + 1):
        taken = take(database, "w", at)
        assert taken is not None
        assert taken.attempts == attempt
        with database.transaction() as session:
            stands = fail(session, work_id, "w", at, "Đĩa đầy.", retry=True)
            assert stands is not None
            assert (stands.state, stands.error) == ("failed" if attempt == MAX_ATTEMPTS else "waiting", "Đĩa đầy.")
        assert take(database, "w", at) is None, "a piece that went wrong waits a little"
        at += timedelta(minutes=1)
    assert take(database, "w", at) is None


def test_work_at_fault_itself_fails_at_once(database: Database, now: datetime) -> None:
    work_id = put(database, "a", now)
    take(database, "w", now)
    with database.transaction() as session:
        stands = fail(session, work_id, "w", now, "Không phải âm thanh.", retry=False)
        assert stands is not None
        assert stands.state == "failed"


def test_a_piece_given_back_costs_no_go(database: Database, now: datetime) -> None:
    work_id = put(database, "a", now)
    take(database, "w", now)
    with database.transaction() as session:
        release(session, work_id, "w", now)
    again = take(database, "v", now)
    assert again is not None
    assert again.attempts == 1


def test_work_is_wanted_only_if_what_needs_it_is_kept(database: Database, now: datetime) -> None:
    class Interrupted(Exception):
        """The transaction that asked for it."""

    try:
        with database.transaction() as session:
            enqueue(session, "rendition", "a", {}, now)
            raise Interrupted
    except Interrupted:
        pass
    assert take(database, "w", now) is None
