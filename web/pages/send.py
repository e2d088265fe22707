"""Soạn, step 3 of 3: where and when; what it would meet and what will happen are read back before anything is sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from broadcast.administrative_unit import AdministrativeUnit, unit, unit_of_path
from broadcast.agenda import Overlap
from broadcast.approval import submit
from broadcast.database import new_id
from broadcast.errors import NotFound, ProgrammeRefused, ScheduleRefused
from broadcast.event import describe, first_start
from broadcast.outlook import overlaps
from broadcast.permission import Person, require
from broadcast.programme import Programme, is_approved, programme_for, require_act
from broadcast.read_back import ReadBack, read_back
from broadcast.schedule import Target, add, play_now
from speakers import cluster as clusters
from web import wish
from web.form import Form
from web.place import Place
from web.session import Anybody, Sent, SignedIn, Visit, go
from web.wish import Wish

router = APIRouter()

_ONCE_ID = re.compile("[0-9a-hjkmnp-tv-z]{24}")


@dataclass(frozen=True, slots=True)
class Reachable:
    """What may be ticked: the programme's unit, the communes or villages below it, the clusters of a commune."""

    unit: AdministrativeUnit
    below: Sequence[AdministrativeUnit]
    views: Sequence[clusters.ClusterView]
    count: int


def _reachable(session: Session, of: AdministrativeUnit, now: datetime, heartbeat_s: int) -> Reachable:
    count = len(clusters.reached(session, [(of.id, None)]))
    children = select(AdministrativeUnit).where(
        AdministrativeUnit.parent_id == of.id, AdministrativeUnit.valid_to.is_(None)
    )
    below = session.scalars(children.order_by(AdministrativeUnit.path)).all()
    views = clusters.views(session, [of.path], now=now, heartbeat_s=heartbeat_s) if of.parent_id else []
    return Reachable(of, below, views, count)


@router.get("/soan/{programme_id}/gui")
def ask(visit: SignedIn, programme_id: str) -> Response:
    """The form; for a programme that is not approved yet, the way to approval."""
    return _form(visit, programme_id, None, "")


def _form(visit: Visit, programme_id: str, form: Form | None, error: str) -> Response:
    person, now = visit.person, visit.station.now()
    with visit.looking() as session:
        programme = programme_for(session, programme_id, person)
        of = unit(session, programme.unit_id)
        require_act(session, programme, person, "schedule", "compose")
        reachable = _reachable(session, of, now, visit.station.settings.heartbeat_s)
    place = Place(of, ())
    return visit.show(
        "send.html",
        status=422 if error else 200,
        programme=programme,
        approved=is_approved(programme),
        place=place,
        reachable=reachable,
        form=form or wish.blank(now, place.zone),
        first=form is None,
        error=error,
        repeats=wish.REPEATS,
        weekdays=wish.WEEKDAYS,
        ranks=wish.RANKS,
        today=f"{now.astimezone(place.zone):%Y-%m-%d}",
        may_schedule=person.may("schedule", of.path),
        may_compose=person.may("compose", of.path),
    )


@router.post("/soan/{programme_id}/trinh")
def ask_for_approval(visit: Anybody, programme_id: str, form: Sent) -> Response:
    """Send it to whoever approves."""
    person, now = visit.person, visit.station.now()
    try:
        with visit.acting() as session:
            submit(session, programme_for(session, programme_id, person, "compose"), person, now)
    except ProgrammeRefused as error:
        return _form(visit, programme_id, None, str(error))
    return go(f"/soan/{programme_id}/gui")


@dataclass(frozen=True, slots=True)
class Preview:
    """What is read back: the sentence's parts, and what the wish would meet."""

    said: ReadBack
    start: datetime
    clusters: int
    places: Sequence[str]
    met: Sequence[Overlap]
    met_places: dict[str, str]


def _places(session: Session, targets: Sequence[Target]) -> list[str]:
    """The names of whole units; a unit of which only clusters are meant is named once."""
    return [unit(session, unit_id).name for unit_id in dict.fromkeys(unit_id for unit_id, _ in targets)]


def _require_targets(session: Session, person: Person, targets: Sequence[Target]) -> None:
    """All units and clusters are this person's to schedule for, and each cluster is of its unit.

    Raises NotAllowed, NotFound.
    """
    for unit_id, cluster_id in targets:
        require(person, "schedule", unit(session, unit_id).path, object_id=unit_id)
        if cluster_id is None:
            continue
        _, of = clusters.cluster(session, cluster_id)
        require(person, "schedule", of.path, object_type="cluster", object_id=cluster_id)
        if of.id != unit_id:
            raise NotFound(object_type="cluster", object_id=cluster_id)


def _preview(session: Session, visit: Visit, programme: Programme, wanted: Wish) -> Preview:
    now = visit.station.now()
    zone = unit(session, programme.unit_id).timezone
    _require_targets(session, visit.person, wanted.targets)
    start = first_start(wanted.wall_start, zone, wanted.rule, now) if wanted.wall_start else now
    if start is None:
        raise ScheduleRefused("Giờ phát này đã qua, hoặc lịch không có lần phát nào. Xin chọn lại ngày giờ.")
    wall = wanted.wall_start or f"{now.astimezone(Place(unit(session, programme.unit_id), ()).zone):%Y-%m-%dT%H:%M:%S}"
    met = overlaps(session, programme, wanted.targets, wall, zone, rule=wanted.rule, rank=wanted.rank, now=now)
    count = len(clusters.reached(session, wanted.targets))
    places = _places(session, wanted.targets)
    said = read_back(
        duration_ms=programme.duration_ms, clusters=count, places=places, start=start if wanted.wall_start else None,
        now=now, timezone=zone, repeats=describe(wanted.rule) if wanted.rule else "",
    )  # fmt: skip
    return Preview(said, start, count, places, met, {one.unit: unit_of_path(session, one.unit).name for one in met})


@router.post("/soan/{programme_id}/gui")
def read_it_back(visit: Anybody, programme_id: str, form: Sent) -> Response:
    """What will happen, in words, and what stands in its way; nothing is sent yet."""
    try:
        with visit.looking() as session:
            programme = programme_for(session, programme_id, visit.person, "schedule")
            if not is_approved(programme):
                raise ScheduleRefused("Chương trình này chưa được duyệt nên chưa thể phát. Xin gửi duyệt trước.")
            may_compose = visit.person.may("compose", unit(session, programme.unit_id).path)
            wanted = wish.wish_of(form)
            preview = _preview(session, visit, programme, wanted)
    except ScheduleRefused as error:
        return _form(visit, programme_id, form, str(error))
    kept = [
        (name, value) for name in ("noi", "khi", "ngay", "gio", "lap", "thu", "den", "hang") for value in form.all(name)
    ]
    return visit.show(
        "send_confirm.html", programme=programme, wanted=wanted, preview=preview, kept=kept, now=visit.station.now(),
        key=new_id(), may_compose=may_compose,
    )  # fmt: skip


@router.post("/soan/{programme_id}/gui/phat")
def send(visit: Anybody, programme_id: str, form: Sent) -> Response:
    """Do what was read back; pressed twice, it is done once."""
    station, person = visit.station, visit.person
    now = station.now()
    once_id = form.one("khoa") if _ONCE_ID.fullmatch(form.one("khoa")) else ""
    try:
        wanted = wish.wish_of(form)
        with visit.acting() as session:
            programme = programme_for(session, programme_id, person, "schedule")
            _require_targets(session, person, wanted.targets)
            if wanted.wall_start:
                zone = unit(session, programme.unit_id).timezone
                add(
                    session, programme, wanted.targets, wanted.wall_start, zone, rule=wanted.rule, rank=wanted.rank,
                    person=person, now=now, once_id=once_id,
                )  # fmt: skip
            else:
                play_now(
                    session, programme, wanted.targets, person, now,
                    lead_ms=station.settings.lead_now_ms, rank=wanted.rank, once_id=once_id,
                )  # fmt: skip
            of_id = wanted.targets[0][0]
    except ScheduleRefused as error:
        return _form(visit, programme_id, form, str(error))
    station.hint()
    if not wanted.wall_start:
        return go(f"/hom-nay?don_vi={of_id}")
    return go(f"/lich?don_vi={of_id}&tu={wanted.wall_start[:10]}&xong=dat-lich")
