"""Nhật ký: who did what, for administrators of the unit."""

from fastapi import APIRouter
from sqlalchemy import or_, select
from starlette.responses import Response

from broadcast.account import Account
from broadcast.administrative_unit import AdministrativeUnit, unit_of_path, units_below
from broadcast.audit import Audit
from broadcast.errors import NotAllowed
from web.session import SignedIn

router = APIRouter()

PAGE = 100
ACT_NAMES = {
    "account.add": "thêm tài khoản",
    "account.close": "đóng tài khoản",
    "account.password": "đổi mật khẩu",
    "account.grant": "giao vai trò",
    "account.revoke": "bỏ vai trò",
    "administrative_unit.add": "thêm thôn, tổ dân phố",
    "cluster.add": "thêm cụm loa",
    "cluster.retire": "ngừng dùng cụm loa",
    "enrolment.issue": "tạo mã đăng ký loa",
    "episode.withdraw": "gỡ bản nghe lại",
    "media.keep": "tải lên bản ghi âm",
    "programme.approve": "duyệt chương trình",
    "programme.ask_again": "tạo lại âm thanh",
    "programme.change": "sửa chương trình",
    "programme.send_back": "trả lại chương trình",
    "programme.submit": "gửi duyệt chương trình",
    "programme.withdraw": "thu hồi chương trình",
    "programme.write": "soạn chương trình",
    "refused.not_allowed": "bị từ chối vì không có quyền",
    "refused.not_found": "bị từ chối vì không có nội dung này",
    "schedule.add": "đặt lịch phát",
    "schedule.change": "đổi một lần phát",
    "schedule.play_now": "phát ngay",
    "schedule.withdraw": "rút lịch, dừng phát",
    "sign_in": "đăng nhập",
    "sign_in.fail": "đăng nhập không được",
    "sign_out": "đăng xuất",
    "speaker.enrol": "đăng ký loa",
    "speaker.retire": "ngừng dùng loa",
    "speaker.volume": "đổi âm lượng loa",
}


def act_name(act: str) -> str:
    """An act in words: `programme.approve`, and `account.grant.editor` as what it begins with."""
    return ACT_NAMES.get(act) or ACT_NAMES.get(".".join(act.split(".")[:2]), "việc khác")


@router.get("/nhat-ky")
def log(visit: SignedIn, truoc: str = "") -> Response:
    """The acts at this person's units, newest first; whoever administers the root sees those of no unit too."""
    person = visit.person
    with visit.looking() as session:
        paths = person.paths("account")
        if not paths:
            raise NotAllowed(act="account")
        tops = [unit_of_path(session, path) for path in paths]
        chosen = select(Audit, Account).outerjoin(Account, Account.id == Audit.account_id)
        if all(top.parent_id for top in tops):
            ids = {one.id for top in tops for one in (top, *units_below(session, top))}
            chosen = chosen.where(or_(Audit.unit_id.in_(ids), Audit.account_id == person.account_id))
        if truoc:
            chosen = chosen.where(Audit.id < truoc)
        rows = list(session.execute(chosen.order_by(Audit.id.desc()).limit(PAGE + 1)))
        unit_ids = {row.unit_id for row, _ in rows if row.unit_id}
        places = {
            one.id: one.name
            for one in session.scalars(select(AdministrativeUnit).where(AdministrativeUnit.id.in_(unit_ids)))
        }
    return visit.show(
        "audit_log.html",
        act_name=act_name,
        rows=rows[:PAGE],
        places=places,
        older=rows[PAGE - 1][0].id if len(rows) > PAGE else "",
    )
