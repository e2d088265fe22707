"""Taking an episode from the public pages: asked once more, then done in all places where the person may."""

from collections.abc import Sequence

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from broadcast import archive
from broadcast.administrative_unit import unit_of_path
from broadcast.archive import Episode
from broadcast.permission import Person, require
from web.session import Anybody, Sent, SignedIn, go

router = APIRouter()


def _theirs(session: Session, person: Person, episode_id: str) -> tuple[Episode, Sequence[Episode]]:
    """The episode, and all of the same broadcast that the person may take away. Raises NotFound, NotAllowed."""
    one = archive.episode(session, episode_id)
    require(person, "approve", one.unit_path, object_type="episode", object_id=one.id)
    return one, [other for other in archive.everywhere(session, one) if person.may("approve", other.unit_path)]


@router.get("/nghe-lai/{episode_id}/go")
def ask(visit: SignedIn, episode_id: str) -> Response:
    """What would be taken away, and where."""
    with visit.looking() as session:
        one, same = _theirs(session, visit.person, episode_id)
        places = [unit_of_path(session, other.unit_path) for other in same]
    return visit.show("episode_withdraw.html", episode=one, places=places, now=visit.station.now())


@router.post("/nghe-lai/{episode_id}/go")
def withdraw(visit: Anybody, episode_id: str, form: Sent) -> Response:
    """Take it away."""
    with visit.acting() as session:
        one, same = _theirs(session, visit.person, episode_id)
        for other in same:
            archive.withdraw_episode(session, other, visit.person, visit.station.now())
        slug = unit_of_path(session, one.unit_path).slug
    return go(f"/x/{slug}")
