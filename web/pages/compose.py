"""Soạn, step 1 of 3: the text or the recording, its title, its unit and its voice. What is typed is never lost."""

import re

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from broadcast import composition
from broadcast.administrative_unit import unit
from broadcast.approval import withdraw
from broadcast.errors import Refused
from broadcast.programme import Programme, is_approved, programme_for, programmes
from broadcast.speech.clean import MAX_CHARACTERS
from web.form import Form
from web.place import place
from web.session import Anybody, Sent, SignedIn, Visit, go

router = APIRouter()

_RECEIPT = re.compile("[0-9a-z]{1,40}")
RATES = ((0.85, "chậm"), (1.0, "vừa"), (1.15, "nhanh"))
SHELVES = (("draft", "Bản nháp"), ("submitted", "Chờ duyệt"), ("approved", "Đã duyệt"), ("withdrawn", "Đã thu hồi"))


@router.get("/soan")
def shelf(visit: SignedIn, ngan: str = "draft") -> Response:
    """What is being made: drafts first."""
    state = ngan if ngan in dict(SHELVES) else "draft"
    with visit.looking() as session:
        found = programmes(session, visit.person, state=state)
        places = {one.unit_id: unit(session, one.unit_id) for one in found}
        may_compose = bool(visit.person.paths("compose"))
    mine = {one.id for one in found if visit.person.may("compose", places[one.unit_id].path)}
    return visit.show(
        "compose_shelf.html", shelves=SHELVES, state=state, programmes=found, places=places, mine=mine,
        may_compose=may_compose, is_approved=is_approved, now=visit.station.now(),
    )  # fmt: skip


@router.get("/soan/moi")
def blank(visit: SignedIn, kieu: str = "van-ban", don_vi: str = "") -> Response:
    """An empty form, for a text or for a file."""
    return form_page(visit, None, kieu, Form({"don_vi": [don_vi]}), "")


def form_page(visit: Visit, programme: Programme | None, kind: str, form: Form, error: str) -> Response:
    """Step 1 for a text (`van-ban`) or a file (`tep`), filled in as it was."""
    unit_id = programme.unit_id if programme else form.one("don_vi")
    with visit.looking() as session:
        here = place(session, visit.person, "compose", unit_id, visit.station.now())
    return visit.show(
        "compose_file.html" if kind == "tep" else "compose_text.html",
        status=422 if error else 200,
        programme=programme,
        place=here,
        form=form,
        error=error,
        voices=visit.station.voices,
        default_voice=visit.station.settings.default_voice,
        rates=RATES,
        most_characters=MAX_CHARACTERS,
        max_bytes=visit.station.settings.upload_max_bytes,
    )


def _rate(form: Form) -> float:
    try:
        return float(form.one("toc_do", "1"))
    except ValueError:
        return 1.0


def _written(visit: Visit, session: Session, form: Form, *, speak: bool = True) -> Programme:
    settings = visit.station.settings
    return composition.write_text(
        session,
        unit(session, form.one("don_vi")),
        form.one("tieu_de"),
        form.one("noi_dung"),
        voice=form.one("giong") or settings.default_voice,
        rate=_rate(form),
        storage=visit.station.storage,
        person=visit.person,
        now=visit.station.now(),
        loudness_lufs=settings.loudness_lufs,
        speak=speak,
    )


def _changed(visit: Visit, session: Session, programme_id: str, form: Form) -> Programme:
    programme = programme_for(session, programme_id, visit.person, "compose")
    text = programme.kind == "text"
    composition.change(
        session,
        programme,
        title=form.one("tieu_de"),
        text=form.one("noi_dung") if text else None,
        voice=form.one("giong") or None,
        rate=_rate(form) if text else None,
        storage=visit.station.storage,
        person=visit.person,
        now=visit.station.now(),
        loudness_lufs=visit.station.settings.loudness_lufs,
    )
    return programme


@router.post("/soan/van-ban")
def write(visit: Anybody, form: Sent) -> Response:
    """A new text; on to hearing it. A mistake brings the form back with all that was typed."""
    try:
        with visit.acting() as session:
            made = _written(visit, session, form)
    except Refused as error:
        return form_page(visit, None, "van-ban", form, str(error))
    visit.station.hint()
    return _to_listening(made.id, form)


def _to_listening(programme_id: str, form: Form) -> Response:
    """On to step 2; the browser is told which copy of its own has been saved and may be forgotten."""
    receipt = form.one("phieu")
    saved = f"?da_luu={receipt}" if _RECEIPT.fullmatch(receipt) else ""
    return go(f"/soan/{programme_id}/nghe{saved}")


@router.post("/soan/van-ban/luu")
def save_new(visit: Anybody, form: Sent) -> Response:
    """The first autosave of a new text: from now on it is a draft with an address. Nothing is spoken yet."""
    with visit.acting() as session:
        made = _written(visit, session, form, speak=False)
    return JSONResponse({"id": made.id})


@router.get("/soan/{programme_id}")
def open_again(visit: SignedIn, programme_id: str) -> Response:
    """Step 1 of a programme that was begun before."""
    with visit.looking() as session:
        programme = programme_for(session, programme_id, visit.person, "compose")
    fields = {
        "don_vi": [programme.unit_id],
        "tieu_de": [programme.title],
        "noi_dung": [programme.text],
        "giong": [programme.voice],
        "toc_do": [str(programme.rate)],
    }
    return form_page(visit, programme, "van-ban", Form(fields), "")


@router.post("/soan/{programme_id}")
def rewrite(visit: Anybody, programme_id: str, form: Sent) -> Response:
    """Change it; on to hearing it."""
    try:
        with visit.acting() as session:
            _changed(visit, session, programme_id, form)
    except Refused as error:
        with visit.looking() as session:
            programme = programme_for(session, programme_id, visit.person, "compose")
        return form_page(visit, programme, "van-ban", form, str(error))
    visit.station.hint()
    return _to_listening(programme_id, form)


@router.post("/soan/{programme_id}/luu")
def save(visit: Anybody, programme_id: str, form: Sent) -> Response:
    """Autosave of a draft. What waits for approval or has it is never changed behind its author's back."""
    with visit.acting() as session:
        composition.keep_text(
            session,
            programme_for(session, programme_id, visit.person, "compose"),
            title=form.one("tieu_de"),
            text=form.one("noi_dung"),
            voice=form.one("giong") or visit.station.settings.default_voice,
            rate=_rate(form),
            person=visit.person,
            now=visit.station.now(),
        )
    return JSONResponse({"id": programme_id})


@router.post("/soan/{programme_id}/thu-hoi")
def take_back(visit: Anybody, programme_id: str, form: Sent) -> Response:
    """Withdraw a programme for good: no loudspeaker plays it any more."""
    with visit.acting() as session:
        withdraw(session, programme_for(session, programme_id, visit.person), visit.person, visit.station.now())
    visit.station.hint()
    return go(f"/soan?ngan={form.one('ngan', 'draft')}")
