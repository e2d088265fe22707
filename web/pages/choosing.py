"""Choosing a unit where there are too many for a list: search by name, with or without its marks."""

from fastapi import APIRouter
from starlette.responses import Response

from broadcast.administrative_unit import search, unit_of_path
from broadcast.errors import NotAllowed
from web.session import SignedIn, local

router = APIRouter()

MOST = 60


@router.get("/chon-don-vi")
def choose(visit: SignedIn, ve: str = "", viec: str = "view", tim: str = "") -> Response:
    """The units where the person may do the act whose names hold the words; each leads back with its id."""
    person = visit.person
    with visit.looking() as session:
        tops = person.paths(viec)
        if not tops:
            raise NotAllowed(act=viec)
        words = tim.strip()[:100]
        named = search(session, words, visit.station.now().date()) if words else []
        found = [one for one in named if person.may(viec, one.path)] if words else [unit_of_path(session, tops[0])]
    back = local(ve)
    return visit.show(
        "choosing.html", found=found[:MOST], more=max(0, len(found) - MOST), words=words, act=viec, back=back,
        link=f"{back}{'&' if '?' in back else '?'}don_vi=",
    )  # fmt: skip
