"""What a person wishes in step 3: where, when, how often, how urgent; plain choices in, a rule of RFC 5545 out."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from broadcast.errors import ScheduleRefused
from broadcast.priority import Rank
from broadcast.schedule import Target
from web.form import Form

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
REPEATS = (
    ("mot-lan", "Một lần"),
    ("hang-ngay", "Hằng ngày"),
    ("ngay-lam-viec", "Thứ Hai đến thứ Sáu"),
    ("cac-thu", "Những thứ được chọn"),
    ("hang-thang", "Hằng tháng, vào ngày đã chọn"),
)
RANKS = (
    (Rank.NORMAL, "Thường", "Chờ chương trình đang phát xong hoặc nhường chương trình ưu tiên."),
    (Rank.PRIORITY, "Ưu tiên", "Ngắt chương trình thường; phát xong thì chương trình kia phát tiếp."),
    (Rank.EMERGENCY, "Khẩn cấp", "Ngắt mọi chương trình ở những nơi đã chọn."),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """`wall_start` is empty for now; `rule` is empty for once."""

    targets: tuple[Target, ...]
    wall_start: str
    rule: str
    rank: Rank


def day_of(text: str) -> str:
    """`2026-11-24` of what a date field or a hand gave (`24/11/2026`); other text goes on as it is, to be refused."""
    parts = text.replace(".", "/").replace("-", "/").split("/")
    if len(parts) == 3 and len(parts[2]) == 4:
        return f"{parts[2]}-{parts[1]:0>2}-{parts[0]:0>2}"
    return text


def clock_of(text: str) -> str:
    """`17:00:00` of `17:00`, `17h`, `17 giờ` or `1700`."""
    if re.fullmatch(r"\d{3,4}", text):
        text = f"{text[:-2]}:{text[-2:]}"
    hour, minute = [*re.findall(r"\d+", text), "0", "0"][:2]
    return f"{hour:0>2}:{minute:0>2}:00"


def wall_of(form: Form) -> str:
    """The wall time in the fields `ngay` and `gio`. Raises ScheduleRefused when one is empty."""
    if not form.one("ngay") or not form.one("gio"):
        raise ScheduleRefused("Xin chọn ngày và giờ phát.")
    return f"{day_of(form.one('ngay'))}T{clock_of(form.one('gio'))}"


def rule_of(form: Form, wall_start: str) -> str:
    """The rule of the fields `lap`, `thu` and `den`. Raises ScheduleRefused."""
    repeat = form.one("lap", "mot-lan")
    days = [day for day in WEEKDAYS if day in form.all("thu")]
    if repeat == "cac-thu" and not days:
        raise ScheduleRefused("Xin chọn ít nhất một thứ trong tuần.")
    rule = {
        "hang-ngay": "FREQ=DAILY",
        "ngay-lam-viec": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        "cac-thu": f"FREQ=WEEKLY;BYDAY={','.join(days)}",
        "hang-thang": f"FREQ=MONTHLY;BYMONTHDAY={int(wall_start[8:10]) if wall_start[8:10].isdigit() else 1}",
    }.get(repeat, "")
    if not rule or not form.one("den"):
        return rule
    try:
        last = date.fromisoformat(day_of(form.one("den")))
    except ValueError:
        raise ScheduleRefused(f"Không có ngày «{form.one('den')}». Xin chọn lại ngày kết thúc.") from None
    return f"{rule};UNTIL={last:%Y%m%d}"


def _target(text: str) -> Target:
    """`don_vi:<id>` is a whole unit, `cum:<unit id>:<cluster id>` one cluster."""
    kind, _, rest = text.partition(":")
    unit_id, _, cluster_id = rest.partition(":")
    return (unit_id, cluster_id or None) if kind == "cum" else (rest, None)


def wish_of(form: Form) -> Wish:
    """The wish in a form. Raises ScheduleRefused."""
    whole = {unit_id for unit_id, cluster_id in map(_target, form.all("noi")) if cluster_id is None}
    targets = [target for target in map(_target, form.all("noi")) if target[1] is None or target[0] not in whole]
    if not targets:
        raise ScheduleRefused("Xin chọn ít nhất một nơi phát.")
    try:
        rank = next(rank for rank, _, _ in RANKS if rank.word == form.one("hang", "normal"))
    except StopIteration:
        raise ScheduleRefused("Xin chọn lại mức ưu tiên.") from None
    if form.one("khi", "ngay-bay-gio") == "ngay-bay-gio":
        return Wish(tuple(dict.fromkeys(targets)), "", "", rank)
    wall_start = wall_of(form)
    return Wish(tuple(dict.fromkeys(targets)), wall_start, rule_of(form, wall_start), rank)


def blank(now: datetime, zone: ZoneInfo) -> Form:
    """What step 3 shows at first: now, and for later the coming 17:00."""
    wall = now.astimezone(zone)
    return Form({"khi": ["ngay-bay-gio"], "ngay": [f"{wall:%Y-%m-%d}"], "gio": ["17:00"], "lap": ["mot-lan"]})
