"""Lịch phát: a day or a week of a unit, and what may be done to one occurrence or to a whole schedule."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from broadcast.administrative_unit import AdministrativeUnit, unit_of_path
from broadcast.agenda import Overlap
from broadcast.errors import NotAllowed, ScheduleRefused
from broadcast.event import start_of, wall_time
from broadcast.outlook import outlook, overlaps
from broadcast.plan import Schedule
from broadcast.programme import Programme, programme_of
from broadcast.schedule import change_occurrence, changeable, schedule, withdraw
from web.grouping import Group, grouped
from web.place import place
from web.session import Anybody, Sent, SignedIn, Visit, go
from web.wish import wall_of

router = APIRouter()

DAYS = {"ngay": 1, "tuan": 7}


@dataclass(frozen=True, slots=True)
class Row:
    """One occurrence as listed: its rule, whether this person may change it and may look at its programme."""

    group: Group
    rule: str
    mine: bool
    seen: bool
    over: bool


@router.get("/lich")
def agenda(visit: SignedIn, don_vi: str = "", tu: str = "", xem: str = "tuan", xong: str = "") -> Response:
    """The agenda from a day on."""
    return _agenda(visit, don_vi, tu, xem, done=xong)


def _first_day(text: str, today: date) -> date:
    try:
        wanted = date.fromisoformat(text)
    except ValueError:
        return today
    return wanted if 2000 <= wanted.year <= 2099 else today


def _agenda(visit: Visit, unit_id: str, from_: str, view: str, *, done: str = "", error: str = "") -> Response:
    person, now = visit.person, visit.station.now()
    with visit.looking() as session:
        here = place(session, person, "view", unit_id, now)
        first = _first_day(from_, now.astimezone(here.zone).date())
        days = [first + timedelta(days=number) for number in range(DAYS.get(view, 7))]
        begin, end = (datetime.combine(day, time.min, here.zone) for day in (first, days[-1] + timedelta(days=1)))
        planned = [one for one in outlook(session, here.unit, begin, end) if one.start >= begin]
        rows = _rows(session, visit, grouped(session, planned, ()), now)
    by_day = [(day, [row for row in rows if row.group.first.start.astimezone(here.zone).date() == day]) for day in days]
    return visit.show(
        "schedule.html",
        status=422 if error else 200,
        place=here,
        now=now,
        by_day=by_day,
        view=view if view in DAYS else "tuan",
        first=first,
        before=first - timedelta(days=len(days)),
        after=days[-1] + timedelta(days=1),
        today=now.astimezone(here.zone).date(),
        done=done,
        error=error,
    )


def _rows(session: Session, visit: Visit, groups: Sequence[Group], now: datetime) -> list[Row]:
    person, ids = visit.person, {group.first.schedule_id for group in groups}
    found = session.execute(
        select(Schedule.id, Schedule.rule, AdministrativeUnit.path)
        .join(Programme, Programme.id == Schedule.programme_id)
        .join(AdministrativeUnit, AdministrativeUnit.id == Programme.unit_id)
        .where(Schedule.id.in_(ids))
    )
    known = {schedule_id: (rule, person.may("view", path)) for schedule_id, rule, path in found}
    ours = changeable(session, ids, person)
    rows = []
    for group in groups:
        rule, seen = known.get(group.first.schedule_id, ("", False))
        mine = group.first.schedule_id in ours
        rows.append(Row(group, rule, mine, seen, group.first.start <= now))
    return rows


def _back(visit: Visit, form: Sent, error: ScheduleRefused | None, done: str) -> Response:
    unit_id, from_, view = form.one("don_vi"), form.one("tu"), form.one("xem", "tuan")
    if error is not None:
        return _agenda(visit, unit_id, from_, view, error=str(error))
    visit.station.hint()
    return go(f"/lich?don_vi={unit_id}&tu={_first_day(from_, date.max) if from_ else ''}&xem={view}&xong={done}")


@router.post("/lich/{schedule_id}/huy")
def cancel(visit: Anybody, schedule_id: str, form: Sent) -> Response:
    """Leave out one occurrence."""
    return _change(visit, schedule_id, form, "")


@router.post("/lich/{schedule_id}/doi")
def move(visit: Anybody, schedule_id: str, form: Sent) -> Response:
    """Move one occurrence; what it would meet at its new time is shown before that."""
    try:
        wall_start = wall_of(form)
        if not form.one("da_xem"):
            with visit.looking() as session:
                met = _met(session, visit, schedule_id, wall_start)
                places = {one.unit: unit_of_path(session, one.unit).name for one in met}
            if met:
                return visit.show(
                    "schedule_confirm.html", schedule_id=schedule_id, met=met, met_places=places, fields=form.fields
                )
    except ScheduleRefused as error:
        return _back(visit, form, error, "")
    return _change(visit, schedule_id, form, wall_start)


def _met(session: Session, visit: Visit, schedule_id: str, wall_start: str) -> Sequence[Overlap]:
    """What an occurrence would meet at another time. Raises NotFound, NotAllowed, ScheduleRefused."""
    one, person, now = schedule(session, schedule_id), visit.person, visit.station.now()
    if not changeable(session, [one.id], person):
        raise NotAllowed(act="schedule", object_type="schedule", object_id=one.id)
    start = start_of(wall_time(wall_start), one.timezone)
    if start <= now:
        return []  # refused when it is to be saved
    targets = [(unit_id, cluster_id) for unit_id, cluster_id in one.targets]
    return overlaps(
        session, programme_of(session, one.programme_id), targets, wall_start, one.timezone,
        now=max(now, start - timedelta(minutes=1)), days=1, besides=one.id,
    )  # fmt: skip


def _change(visit: Visit, schedule_id: str, form: Sent, wall_start: str) -> Response:
    try:
        with visit.acting() as session:
            change_occurrence(
                session, schedule(session, schedule_id), form.one("lan"), wall_start,
                person=visit.person, now=visit.station.now(),
            )  # fmt: skip
    except ScheduleRefused as error:
        return _back(visit, form, error, "")
    return _back(visit, form, None, "doi" if wall_start else "huy")


@router.post("/lich/{schedule_id}/rut")
def take_back(visit: Anybody, schedule_id: str, form: Sent) -> Response:
    """Withdraw the whole schedule."""
    with visit.acting() as session:
        withdraw(session, schedule(session, schedule_id), visit.person, visit.station.now())
    return _back(visit, form, None, "rut")
