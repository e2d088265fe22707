"""The way of a programme to the air: submitted, approved or sent back, and withdrawn.

Approval is bound to the hash of what the approver heard; who wrote a programme never approves it.
"""

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from broadcast.audit import record
from broadcast.errors import ProgrammeRefused
from broadcast.line import one_line
from broadcast.permission import Person
from broadcast.plan import OccurrenceChange, Schedule, ScheduleTarget, mark_stale
from broadcast.programme import Programme, require_act

MAX_REASON_CHARACTERS = 1_000


def submit(session: Session, programme: Programme, person: Person, now: datetime) -> None:
    """Ask for approval of a draft that can be heard. Raises NotAllowed, ProgrammeRefused."""
    _lock(session, programme, person, "compose")
    if programme.state != "draft":
        raise ProgrammeRefused("Chỉ gửi duyệt được bản nháp. Xin tải lại trang để xem trạng thái mới nhất.")
    _must_be_heard(programme)
    programme.state, programme.returned_reason, programme.changed_at = "submitted", "", now
    _record(session, "programme.submit", programme, person, now)


def approve(session: Session, programme: Programme, heard_sha256: str, person: Person, now: datetime) -> None:
    """Approve exactly what was heard. Raises NotAllowed, or ProgrammeRefused when it is another version by now."""
    _lock(session, programme, person, "approve")
    if person.account_id == programme.author_id or person.account_id in programme.writers:
        raise ProgrammeRefused("Người soạn không tự duyệt chương trình của mình. Xin nhờ người khác duyệt.")
    if programme.state != "submitted":
        raise ProgrammeRefused("Chương trình này không ở trạng thái chờ duyệt. Xin tải lại trang.")
    _must_be_heard(programme)
    if heard_sha256 != programme.heard_sha256:
        raise ProgrammeRefused("Chương trình đã thay đổi sau khi bạn nghe. Xin nghe lại rồi mới duyệt.")
    programme.state, programme.approved_sha256 = "approved", heard_sha256
    programme.approver_id, programme.approved_at, programme.changed_at = person.account_id, now, now
    rebuild_rundowns(session, programme, now)
    _record(session, "programme.approve", programme, person, now)


def send_back(session: Session, programme: Programme, reason: str, person: Person, now: datetime) -> None:
    """Give it back to its author with a reason, even after approval. Raises NotAllowed, ProgrammeRefused."""
    _lock(session, programme, person, "approve")
    why = one_line(reason)
    if not why or len(why) > MAX_REASON_CHARACTERS:
        raise ProgrammeRefused("Xin ghi lý do trả lại, không quá 1.000 ký tự, để người soạn biết cần sửa gì.")
    if programme.state not in {"submitted", "approved"}:
        raise ProgrammeRefused("Chương trình này không ở trạng thái chờ duyệt. Xin tải lại trang.")
    programme.state, programme.returned_reason, programme.changed_at = "draft", why, now
    forget_approval(programme)
    rebuild_rundowns(session, programme, now)
    _record(session, "programme.send_back", programme, person, now, reason=why)


def withdraw(session: Session, programme: Programme, person: Person, now: datetime) -> None:
    """Take it back for good: no rundown carries it any more. Its editors and its approvers may. Raises NotAllowed."""
    _lock(session, programme, person, "compose", "approve")
    if programme.state == "withdrawn":
        return
    programme.state, programme.changed_at = "withdrawn", now
    forget_approval(programme)
    rebuild_rundowns(session, programme, now)
    _record(session, "programme.withdraw", programme, person, now)


def forget_approval(programme: Programme) -> None:
    """From now on nobody has approved it."""
    programme.approved_sha256, programme.approver_id, programme.approved_at = "", None, None


def rebuild_rundowns(session: Session, programme: Programme, now: datetime) -> None:
    """Have every rundown that holds the programme built anew, in the transaction that changes its right to the air.

    Its own unit's too, which has poles fetch what was approved before anybody asks for it.
    """
    special = select(OccurrenceChange.schedule_id).where(OccurrenceChange.programme_id == programme.id)
    units = (
        select(ScheduleTarget.unit_id)
        .join(Schedule, Schedule.id == ScheduleTarget.schedule_id)
        .where(or_(Schedule.programme_id == programme.id, Schedule.id.in_(special)), Schedule.withdrawn_at.is_(None))
    )
    session.flush()
    mark_stale(session, [programme.unit_id, *session.scalars(units)], urgent_at=now)


def _lock(session: Session, programme: Programme, person: Person, *acts: str) -> None:
    """The latest state, which nobody changes meanwhile; for a person who may."""
    session.flush()  # or the refresh would take back what this transaction has changed
    session.refresh(programme, with_for_update=True)
    require_act(session, programme, person, *acts)


def _must_be_heard(programme: Programme) -> None:
    if programme.sound_state == "failed":
        raise ProgrammeRefused(f"Chương trình chưa có âm thanh: {programme.sound_reason}")
    if programme.sound_state != "ready" or not programme.heard_sha256:
        raise ProgrammeRefused("Âm thanh của chương trình đang được chuẩn bị. Xin đợi rồi nghe lại trước khi gửi.")


def _record(
    session: Session, act: str, programme: Programme, person: Person, now: datetime, *, reason: str | None = None
) -> None:
    record(
        session,
        act,
        "programme",
        programme.id,
        person_id=person.account_id,
        unit_id=programme.unit_id,
        now=now,
        detail={"title": programme.title, "version": programme.version, "heard": programme.heard_sha256}
        | ({"reason": reason} if reason else {}),
    )
