"""Duyệt: what waits for approval, with its text and its sound in view, and the two answers to it.

Approval carries the hash of what the page showed: whoever changes the programme meanwhile is approved nothing.
"""

from fastapi import APIRouter
from starlette.responses import Response

from broadcast.account import Account
from broadcast.administrative_unit import unit
from broadcast.approval import approve, send_back
from broadcast.errors import ProgrammeRefused
from broadcast.programme import Programme, programme_for, programmes
from web.session import Anybody, Sent, SignedIn, Visit, go

router = APIRouter()


@router.get("/duyet")
def waiting(visit: SignedIn, xong: str = "", ban: str = "") -> Response:
    """Everything that waits where this person may look; after an approval, the way to where and when."""
    return _waiting(visit, "", xong, ban)


def _waiting(visit: Visit, error: str, done: str = "", done_id: str = "") -> Response:
    person = visit.person
    with visit.looking() as session:
        found = programmes(session, person, state="submitted")
        places = {one.unit_id: unit(session, one.unit_id) for one in found}
        just = session.get(Programme, done_id) if done_id else None
        ours = just is not None and person.may("schedule", unit(session, just.unit_id).path)
        names = {one.author_id: session.get(Account, one.author_id) for one in found}
    mine = {one.id for one in found if person.account_id in {one.author_id, *one.writers}}
    may = {one.id for one in found if person.may("approve", places[one.unit_id].path)} - mine
    return visit.show(
        "approval.html", status=422 if error else 200, programmes=found, places=places, names=names, mine=mine,
        may=may, error=error, done=done, to_schedule=just if ours else None, now=visit.station.now(),
    )  # fmt: skip


@router.post("/duyet/{programme_id}/dong-y")
def agree(visit: Anybody, programme_id: str, form: Sent) -> Response:
    """Approve what was heard."""
    try:
        with visit.acting() as session:
            programme = programme_for(session, programme_id, visit.person, "approve")
            approve(session, programme, form.one("da_nghe"), visit.person, visit.station.now())
    except ProgrammeRefused as error:
        return _waiting(visit, str(error))
    visit.station.hint()
    return go(f"/duyet?xong=dong-y&ban={programme_id}")


@router.post("/duyet/{programme_id}/tra-lai")
def give_back(visit: Anybody, programme_id: str, form: Sent) -> Response:
    """Give it back to its author with a reason."""
    try:
        with visit.acting() as session:
            programme = programme_for(session, programme_id, visit.person, "approve")
            send_back(session, programme, form.one("ly_do"), visit.person, visit.station.now())
    except ProgrammeRefused as error:
        return _waiting(visit, str(error))
    visit.station.hint()
    return go("/duyet?xong=tra-lai")
