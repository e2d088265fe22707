"""Hôm nay: what is on air, what comes next, what was aired by how many loudspeakers; and the stop."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from broadcast.administrative_unit import AdministrativeUnit, unit_of_path
from broadcast.archive import Episode
from broadcast.asrun import AsRun, Summary, aired, as_run_of
from broadcast.errors import Refused
from broadcast.outlook import outlook
from broadcast.permission import Person
from broadcast.schedule import changeable, schedule
from broadcast.stopping import stop
from broadcast.unit_path import covers
from speakers import cluster as clusters
from speakers.cluster import ClusterView
from web.grouping import Group, grouped
from web.place import place
from web.session import Anybody, Sent, SignedIn, go

router = APIRouter()

AHEAD = timedelta(hours=24)
BEHIND = timedelta(hours=12)
MOST = 12
LOOK_AGAIN_S, LOOK_AGAIN_MANY_S = 4, 15
MANY = 300
"""A page of so many clusters costs a third of a second to make, so it is asked for less often."""


@dataclass(frozen=True, slots=True)
class Aired:
    """One broadcast that is over: how many of its loudspeakers played all of it, and how many said anything yet.

    `replay` is the address of its episode, `episode_id` its id for those who may take it away.
    """

    title: str
    start: datetime
    duration_ms: int
    state: str
    reason: str
    played: int
    reported: int
    total: int
    replay: str = ""
    episode_id: str = ""


def _aired(group: Group | None, row: AsRun | None, summaries: Sequence[Summary], views: Sequence[ClusterView]) -> Aired:
    states = {device: state for summary in summaries for device, state in summary.devices.items()}
    poles = [one.id for view in (group.clusters if group else views) for one, _ in view.speakers]
    played = sum(states.get(one) == "played" for one in poles)
    reported = sum(one in states for one in poles)
    if row is not None:
        facts = (row.title, row.started_at or row.planned_start, row.planned_ms, row.state, row.reason)
    else:
        assert group is not None
        facts = (group.first.title, group.first.start, group.first.duration_ms, "", "")
    return Aired(*facts, played, reported, len(poles))


def _behind(
    session: Session, of: AdministrativeUnit, views: Sequence[ClusterView], over: Sequence[Group], now: datetime
) -> list[tuple[Aired, set[str]]]:
    """What is over and its items, the latest first: as planned, and what only the log knows, taken back meanwhile."""
    logged = {row.item_id: row for row in aired(session, of, now - BEHIND, now)}
    planned = {one.item_id for group in over for one in group.members}
    summaries = as_run_of(session, {*logged, *planned})
    found: list[tuple[Aired, set[str]]] = []
    for group in over:
        about = [summaries[one.item_id] for one in group.members]
        rows = [summary.station for summary in about if summary.station is not None]
        found.append((_aired(group, next(iter(rows), None), about, views), {one.item_id for one in group.members}))
    found += [(_aired(None, row, [summaries[key]], views), {key}) for key, row in logged.items() if key not in planned]
    return sorted(found, key=lambda one: one[0].start, reverse=True)[:MOST]


def _with_episode(session: Session, person: Person, one: Aired, item_ids: set[str]) -> Aired:
    """What was aired, with the way to hear it again, if it stands in the archive."""
    kept = select(Episode).where(Episode.item_id.in_(item_ids), Episode.withdrawn_at.is_(None))
    episodes = session.scalars(kept.order_by(Episode.unit_path)).all()
    if not episodes:
        return one
    slug = unit_of_path(session, episodes[0].unit_path).slug
    theirs = next((episode.id for episode in episodes if person.may("approve", episode.unit_path)), "")
    return replace(one, replay=f"/x/{slug}/{episodes[0].id}", episode_id=theirs)


@router.get("/hom-nay")
def today(visit: SignedIn, don_vi: str = "") -> Response:
    """The page; htmx asks for its middle again every few seconds."""
    station, person = visit.station, visit.person
    now = station.now()
    with visit.looking() as session:
        here = place(session, person, "view", don_vi, now, with_choices=not visit.live)
        views = clusters.views(session, [here.unit.path], now=now, heartbeat_s=station.settings.heartbeat_s)
        groups = grouped(session, outlook(session, here.unit, now - BEHIND, now + AHEAD), views)
        ready = [one for one in groups if one.first.ready]
        on_air = [one for one in ready if one.first.start <= now < one.first.end]
        over = _behind(session, here.unit, views, [one for one in ready if one.first.end <= now], now)
        behind = [_with_episode(session, person, one, items) for one, items in over]
        stoppable = changeable(session, [one.first.schedule_id for one in on_air], person)
    return visit.show(
        "today_now.html" if visit.live else "today.html",
        place=here,
        now=now,
        on_air=on_air,
        coming=[one for one in groups if one.first.start > now][:MOST],
        behind=behind,
        alarms=[alarm for alarm in station.alarms() if covers(here.unit.path, alarm.unit)],
        online=sum(1 for view in views if view.online),
        clusters=len(views),
        look_again_s=LOOK_AGAIN_S if len(views) < MANY else LOOK_AGAIN_MANY_S,
        stoppable=stoppable,
    )


@router.post("/hom-nay/dung/{schedule_id}")
def stop_now(visit: Anybody, schedule_id: str, form: Sent) -> Response:
    """Stop what is on air; a schedule that repeats goes on with its next occurrence."""
    with visit.acting() as session:
        one = schedule(session, schedule_id)
        if one.withdrawn_at is not None:
            raise Refused("Chương trình này đã được dừng.")
        stop(session, one, visit.person, visit.station.now())
    visit.station.hint()
    return go(f"/hom-nay?don_vi={form.one('don_vi')}")
