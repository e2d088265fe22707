"""`loa code`: one-time enrolment codes on the command line of the station, one a line, as `loa simulate` reads them."""

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit, unit_of_path, unit_of_slug
from broadcast.database import Database
from speakers.cluster import Cluster, add_cluster
from speakers.enrolment import issue_code

MOST = 10_000


def parser() -> argparse.ArgumentParser:
    """The words that the command takes."""
    words = argparse.ArgumentParser(prog="loa code", description="Print one-time codes that enrol loudspeakers.")
    words.add_argument("--unit", required=True, help="path or slug of the unit (48/20242, hai-chau)")
    words.add_argument("--cluster", required=True, help="name of the cluster; made if the unit has none of this name")
    words.add_argument("--count", type=int, default=1, help="how many codes")
    words.add_argument("--name", default="", help="what the loudspeakers are called; with several, numbered")
    words.add_argument("--data", type=Path, help="data folder of the station")
    return words


def issue(database: Database, options: argparse.Namespace, now: datetime) -> Sequence[str]:
    """The codes. Raises NotFound for no such unit, Refused for a cluster without a name."""
    count = min(MOST, max(1, options.count))
    name = options.name or options.cluster
    with database.transaction() as session:
        unit = (unit_of_path if options.unit[:1].isdigit() else unit_of_slug)(session, options.unit)
        cluster_id = _cluster(session, unit, options.cluster, now)
        names = [name] if count == 1 else [f"{name} {number}" for number in range(1, count + 1)]
        return [issue_code(session, cluster_id, each, person_id=None, now=now) for each in names]


def _cluster(session: Session, unit: AdministrativeUnit, name: str, now: datetime) -> str:
    named = select(Cluster.id).where(Cluster.unit_id == unit.id, Cluster.name == name, Cluster.retired_at.is_(None))
    return session.scalars(named).first() or add_cluster(session, unit, name, person_id=None, now=now).id
