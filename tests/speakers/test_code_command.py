"""`loa code` prints codes that enrol, and makes the cluster it is asked for once."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

import broadcast.account  # noqa: F401 - its table is what rows of the audit point to
from broadcast.administrative_unit import seed_da_nang
from broadcast.database import Database
from broadcast.errors import NotFound
from speakers.cluster import Cluster
from speakers.code_command import issue, parser
from speakers.enrolment import enrol
from speakers.errors import EnrolmentRefused

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path / 'loa.db'}")
    made.upgrade()
    with made.transaction() as session:
        seed_da_nang(session, NOW.date())
    return made


def test_each_code_enrols_one_loudspeaker_of_the_cluster_once(database: Database) -> None:
    options = parser().parse_args(["--unit", "hai-chau", "--cluster", "Giả lập", "--count", "3"])
    codes = [*issue(database, options, NOW), *issue(database, options, NOW)]
    assert len(set(codes)) == 6
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Cluster)) == 1
        enrolled = [enrol(session, code, secret=b"s" * 32, now=NOW) for code in codes]
        assert {one.unit_path for one in enrolled} == {"48/20242"}
        with pytest.raises(EnrolmentRefused):
            enrol(session, codes[0], secret=b"s" * 32, now=NOW)
    database.close()


def test_a_unit_that_does_not_exist_is_said(database: Database) -> None:
    with pytest.raises(NotFound):
        issue(database, parser().parse_args(["--unit", "nowhere", "--cluster", "x"]), NOW)
    database.close()
