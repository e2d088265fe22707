"""Recordings come in: as a raw body from our script, which shows progress, or as a plain form without any script.

Both are streamed to disk, and refused before the first byte when the person may not compose for that unit.
"""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from broadcast.administrative_unit import unit
from broadcast.composition import record_from
from broadcast.errors import LoaError, UploadRefused
from broadcast.media import keep
from broadcast.permission import require
from broadcast.upload import Incoming, Received, receive_async
from web.form import Form
from web.multipart import unpacked
from web.pages.compose import form_page
from web.session import FORM_FIELD, SentBody, SignedIn, Visit, check_origin, check_token, go

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Label:
    """What is said about a recording: whose it is, its title, the file's name, and `speech` or `music`."""

    unit_id: str
    title: str
    name: str
    kind: str


def _may(visit: Visit, unit_id: str) -> None:
    """Raises NotFound or NotAllowed, with an audit row."""
    with visit.looking() as session:
        require(visit.person, "compose", unit(session, unit_id).path)


def _keep(visit: Visit, received: Received, label: Label) -> str:
    """Make a recording and its programme of what came in; gives the address of the next step."""
    now, person = visit.station.now(), visit.person
    try:
        with visit.acting() as session:
            of = unit(session, label.unit_id)
            asset = keep(
                session, received, of, name=label.name, kind=label.kind, person=person, now=now,
                loudness_lufs=visit.station.settings.loudness_lufs,
            )  # fmt: skip
            session.flush()
            made = record_from(session, of, label.title or asset.name, asset, person=person, now=now)
            session.flush()
            return f"/soan/{made.id}/nghe"
    except LoaError:
        received.discard()
        raise


@router.post("/api/1/upload")
async def upload(visit: SentBody, don_vi: str, ten: str, tieu_de: str = "", loai: str = "speech") -> Response:
    """The body is the file itself. Answers `{"address": where to go on}`."""
    await asyncio.to_thread(_may, visit, don_vi)
    station = visit.station
    received = await receive_async(visit.request.stream(), station.storage, station.settings.upload_max_bytes)
    address = await asyncio.to_thread(_keep, visit, received, Label(don_vi, tieu_de.strip(), ten, loai))
    return JSONResponse({"address": address})


@router.post("/soan/tep")
async def upload_form(visit: SignedIn, request: Request) -> Response:
    """The same as a form with the fields form_token, don_vi, tieu_de, loai, and the file last."""
    check_origin(request)
    station = visit.station

    seen: list[Form] = []

    def admit(form: Form) -> Incoming:
        check_token(visit, form.one(FORM_FIELD))
        _may(visit, form.one("don_vi"))
        seen.append(form)
        return Incoming(station.storage, station.settings.upload_max_bytes)

    try:
        parcel = await unpacked(request, admit)
        form = parcel.form
        label = Label(form.one("don_vi"), form.one("tieu_de"), parcel.name, form.one("loai", "speech"))
        return go(await asyncio.to_thread(_keep, visit, parcel.received, label))
    except UploadRefused as refusal:
        if not seen:
            raise
        return await asyncio.to_thread(form_page, visit, None, "tep", seen[0], str(refusal))
