"""The public portal: the city, each commune, each episode. No sign-in, and no script needed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from fastapi import APIRouter
from starlette.responses import Response

from broadcast import administrative_unit as units
from broadcast import archive
from broadcast.archive import Episode
from broadcast.errors import NotFound
from broadcast.media import Rendition
from broadcast.outlook import upcoming
from web.session import Anybody

router = APIRouter()

NEWEST = 6
LOOKED_AT = 400
PAGE = 10


@router.get("/")
def city_page(visit: Anybody, tim: str = "") -> Response:
    """The city: live listening, search, all communes, what was aired last."""
    station = visit.station
    today = station.now().date()
    with station.database.reading() as session:
        city = units.city(session)
        communes = units.communes(session, today)
        newest = _each_once(archive.newest(session, LOOKED_AT))
        places = {path: units.unit_of_path(session, path) for path in {one.unit_path for one, _ in newest}}
        found = units.search(session, tim[:100], today) if tim.strip() else []
    return visit.show(
        "portal_city.html",
        city=city,
        communes=communes,
        newest=[one for one, _ in newest],
        others={one.id: others for one, others in newest},
        slugs={path: one.slug for path, one in places.items()},
        names={path: one.name for path, one in places.items()},
        wanted=tim.strip()[:100],
        found=found,
    )


def _each_once(episodes: Sequence[Episode]) -> list[tuple[Episode, int]]:
    """The newest broadcasts, each with the number of other places where it was aired at the same minute."""
    told: dict[tuple[str, str, datetime], list[Episode]] = {}
    for one in episodes:
        told.setdefault((one.rendition_sha256, one.title, one.aired_at.replace(second=0, microsecond=0)), []).append(
            one
        )
    return [(places[0], len(places) - 1) for places in told.values()][:NEWEST]


def _before(text: str) -> tuple[datetime | None, str]:
    """The instant and id of `2026-11-24T01:00:00+00:00~<id>`, where an older page begins; other text begins anew."""
    instant, _, episode_id = text.partition("~")
    try:
        at = datetime.fromisoformat(instant)
    except ValueError:
        return None, ""
    return (at, episode_id) if at.tzinfo else (None, "")


@router.get("/x/{slug}")
def unit_page(visit: Anybody, slug: str, truoc: str = "") -> Response:
    """One commune or village: live listening, what comes next, and its episodes, newest first."""
    station, now = visit.station, visit.station.now()
    with station.database.reading() as session:
        unit = units.unit_of_slug(session, slug)
        before, before_id = _before(truoc)
        episodes = archive.episodes(session, unit, before, PAGE + 1, before_id=before_id)
        planned = upcoming(session, unit, now, now + timedelta(days=2))
    last = episodes[PAGE - 1] if len(episodes) > PAGE else None
    current = [one for one in planned if one.start <= now < one.end]
    return visit.show(
        "portal_unit.html",
        unit=unit,
        now=now,
        current=current,
        planned=next((one for one in planned if one.start > now), None),
        episodes=episodes[:PAGE],
        slugs={one.unit_path: unit.slug for one in episodes},  # all of them stand on this unit's page
        older=f"{last.aired_at.isoformat()}~{last.id}" if last else "",
    )


@router.get("/x/{slug}/{episode_id}")
def episode_page(visit: Anybody, slug: str, episode_id: str) -> Response:
    """One episode: player, transcript, download."""
    with visit.station.database.reading() as session:
        unit = units.unit_of_slug(session, slug)
        episode = archive.episode(session, episode_id)
        if not archive.belongs(episode, unit):
            raise NotFound
        rendition = session.get(Rendition, episode.rendition_sha256)
    return visit.show(
        "portal_episode.html",
        unit=unit,
        episode=episode,
        size_bytes=rendition.size_bytes if rendition else 0,
        may_withdraw=visit.somebody is not None and visit.somebody.may("approve", episode.unit_path),
    )
