"""Cụm loa: the loudspeakers of a commune, what they last said, and letting new ones in."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from broadcast import audit
from broadcast.administrative_unit import add_village, unit
from broadcast.errors import Refused
from broadcast.permission import require
from speakers import cluster as clusters
from speakers import speaker as speakers
from speakers.enrolment import issue_code
from speakers.heartbeat import State
from web.place import choices, place
from web.session import Anybody, Sent, SignedIn, Visit, go

router = APIRouter()

PAGE = 30

STATE_NAMES = {
    State.ONLINE: ("good", "đang hoạt động"),
    State.LATE: ("wait", "báo về chậm"),
    State.LOST: ("bad", "mất liên lạc"),
    State.NEVER: ("wait", "chưa kết nối lần nào"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What one rendering of the page adds to the list: a mistake, or a code to be seen this once."""

    error: str = ""
    code: str = ""
    code_cluster: str = ""
    code_name: str = ""


@router.get("/cum-loa")
def listing(visit: SignedIn, don_vi: str = "", trang: str = "1") -> Response:
    """The clusters of a unit and of those below it, page by page."""
    return _listing(visit, don_vi, Shown(), number=int(trang) if trang.isdecimal() and len(trang) < 6 else 1)


def _listing(visit: Visit, unit_id: str, shown: Shown, status: int = 200, number: int = 1) -> Response:
    station, person = visit.station, visit.person
    now = station.now()
    with visit.looking() as session:
        here = place(session, person, "view", unit_id, now)
        tops, heartbeat_s = [here.unit.path], station.settings.heartbeat_s
        fleet = clusters.fleet(session, tops, now=now, heartbeat_s=heartbeat_s)
        pages = max(1, -(-fleet.clusters // PAGE))
        number = min(max(1, number), pages)
        skipped = (number - 1) * PAGE
        views = clusters.views(session, tops, now=now, heartbeat_s=heartbeat_s, most=PAGE, skipped=skipped)
        inside = choices(session, tops, now) or [here.unit]
    return visit.show(
        "cluster.html",
        status=status,
        place=here,
        views=views,
        fleet=fleet,
        number=number,
        pages=pages,
        now=now,
        shown=shown,
        state_names=STATE_NAMES,
        may_change=person.may("fleet", here.unit.path),
        inside=inside,
        command=f"loa agent --station {station.settings.base_url} --code {shown.code}",
    )


@router.post("/cum-loa/them")
def add(visit: Anybody, form: Sent) -> Response:
    """A new cluster, in a unit there is or in a village named for it."""
    person, now = visit.person, visit.station.now()
    unit_id, village = form.one("don_vi"), form.one("thon")
    try:
        with visit.acting() as session:
            of = unit(session, unit_id)
            require(person, "fleet", of.path)
            if village:
                of = add_village(session, of, village, now)
                audit.record(
                    session, "administrative_unit.add", "administrative_unit", of.id,
                    person_id=person.account_id, unit_id=of.id, now=now, address=visit.address,
                    detail={"name": of.name},
                )  # fmt: skip
            clusters.add_cluster(session, of, form.one("ten"), person_id=person.account_id, now=now)
    except Refused as error:
        return _listing(visit, unit_id, Shown(error=str(error)), 422)
    visit.station.hint()
    return go(f"/cum-loa?don_vi={unit_id}")


@router.post("/cum-loa/{cluster_id}/ma")
def code(visit: Anybody, cluster_id: str, form: Sent) -> Response:
    """A one-time code for a new loudspeaker, shown this once."""
    person = visit.person
    name = form.one("ten")
    with visit.acting() as session:
        found, of = clusters.cluster(session, cluster_id)
        require(person, "fleet", of.path, object_type="cluster", object_id=cluster_id)
        new = issue_code(session, cluster_id, name, person_id=person.account_id, now=visit.station.now())
    shown = Shown(code=new, code_cluster=found.name, code_name=name)
    return _listing(visit, form.one("don_vi") or of.id, shown)


@router.post("/cum-loa/{cluster_id}/bo")
def retire(visit: Anybody, cluster_id: str, form: Sent) -> Response:
    """Take a cluster and its loudspeakers out of use."""
    person = visit.person
    with visit.acting() as session:
        _, of = clusters.cluster(session, cluster_id)
        require(person, "fleet", of.path, object_type="cluster", object_id=cluster_id)
        clusters.retire_cluster(session, cluster_id, person_id=person.account_id, now=visit.station.now())
    visit.station.hint()
    return go(f"/cum-loa?don_vi={form.one('don_vi') or of.id}")


@router.post("/cum-loa/loa/{speaker_id}/bo")
def retire_one(visit: Anybody, speaker_id: str, form: Sent) -> Response:
    """Take one loudspeaker out of use."""
    person = visit.person
    with visit.acting() as session:
        found = speakers.speaker(session, speaker_id)
        _, of = clusters.cluster(session, found.cluster_id)
        require(person, "fleet", of.path, object_type="speaker", object_id=speaker_id)
        speakers.retire_speaker(
            session, speaker_id, person_id=person.account_id, unit_id=of.id, now=visit.station.now()
        )
    visit.station.hint()
    return go(f"/cum-loa?don_vi={form.one('don_vi') or of.id}")


@router.post("/cum-loa/loa/{speaker_id}/am-luong")
def volume(visit: Anybody, speaker_id: str, form: Sent) -> Response:
    """Ask one loudspeaker for another volume."""
    person = visit.person
    try:
        wanted_db = float(form.one("am_luong"))
    except ValueError:
        raise Refused("Xin chọn một mức âm lượng.") from None
    with visit.acting() as session:
        found = speakers.speaker(session, speaker_id)
        _, of = clusters.cluster(session, found.cluster_id)
        require(person, "fleet", of.path, object_type="speaker", object_id=speaker_id)
        speakers.set_volume(
            session, speaker_id, wanted_db, person_id=person.account_id, unit_id=of.id, now=visit.station.now()
        )
    visit.station.hint()
    return go(f"/cum-loa?don_vi={form.one('don_vi') or of.id}")
