"""Soạn, step 2 of 3: hear it, as it will come out of the loudspeakers. While its sound is made, the page waits."""

from fastapi import APIRouter
from starlette.responses import Response

from broadcast.administrative_unit import unit
from broadcast.composition import ask_again
from broadcast.programme import is_approved, programme_for
from broadcast.speech.estimate import estimate_ms
from web.session import Anybody, Sent, SignedIn, go

router = APIRouter()


@router.get("/soan/{programme_id}/nghe")
def listen(visit: SignedIn, programme_id: str) -> Response:
    """The sound, or how far it is; htmx asks for the same address every second while it is being made."""
    with visit.looking() as session:
        programme = programme_for(session, programme_id, visit.person)
        of = unit(session, programme.unit_id)
    lost = programme.sound_state == "ready" and not visit.station.storage.holds(programme.rendition_sha256 or "")
    waited_s = (visit.station.now() - programme.changed_at).total_seconds()
    return visit.show(
        "compose_sound.html" if visit.live else "compose_listen.html",
        programme=programme,
        unit=of,
        lost=lost,
        approved=is_approved(programme),
        estimated_ms=estimate_ms(programme.text, programme.rate),
        slow=waited_s > 60,
        may_compose=visit.person.may("compose", of.path),
        may_schedule=visit.person.may("schedule", of.path),
    )


@router.post("/soan/{programme_id}/lam-lai")
def again(visit: Anybody, programme_id: str, form: Sent) -> Response:
    """Try once more to make a sound that failed, or that is lost."""
    person, now = visit.person, visit.station.now()
    with visit.acting() as session:
        programme = programme_for(session, programme_id, person, "compose")
        loudness_lufs = visit.station.settings.loudness_lufs
        storage = visit.station.storage
        ask_again(session, programme, storage=storage, person=person, now=now, loudness_lufs=loudness_lufs)
    visit.station.hint()
    return go(f"/soan/{programme_id}/nghe")
