"""What a person is about to send, in their words, and times as people say them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from broadcast.errors import ScheduleRefused
from broadcast.event import zone


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What a person is about to send, in their words."""

    duration: str
    clusters: str
    place: str
    when: str

    @property
    def sentence(self) -> str:
        """«3 phút 20 giây, 12 cụm loa, phường Hải Châu, 17:00 hôm nay»."""
        return f"{self.duration}, {self.clusters}, {self.place}, {self.when}"


def duration_words(duration_ms: int) -> str:
    """«1 giờ 2 phút», «3 phút 20 giây», «45 giây»: rounded to whole seconds, at least one."""
    seconds = max(1, round(duration_ms / 1000))
    parts = ((seconds // 3600, "giờ"), (seconds // 60 % 60, "phút"), (seconds % 60, "giây"))
    return " ".join(f"{count} {word}" for count, word in parts if count)


def day_words(start: datetime, now: datetime, timezone: str) -> str:
    """«17:00 hôm nay», «5:30 ngày mai», «5:30 thứ Hai 30/11/2026», in the zone's wall time."""
    local = zone(timezone)
    wall, today = start.astimezone(local), now.astimezone(local).date()
    days = (wall.date() - today).days
    weekday = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")[wall.weekday()]
    day = {0: "hôm nay", 1: "ngày mai"}.get(days, f"{weekday} {wall:%d/%m/%Y}")
    return f"{wall.hour}:{wall:%M} {day}"


def read_back(
    *,
    duration_ms: int,
    clusters: int,
    places: Sequence[str],
    start: datetime | None,
    now: datetime,
    timezone: str = "Asia/Ho_Chi_Minh",
    repeats: str = "",
) -> ReadBack:
    """The parts of the sentence that is read back before sending. `start` None means now; `repeats` is from
    `event.describe`, empty for once. Raises ScheduleRefused when there is no place."""
    if not places:
        raise ScheduleRefused("Xin chọn ít nhất một nơi phát.")
    names = [name[:1].lower() + name[1:] for name in places]
    place = ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} và {len(names) - 2} nơi khác"
    when = "ngay bây giờ" if start is None else day_words(start, now, timezone)
    if repeats:
        when = f"lần đầu {when}, {repeats}"
    return ReadBack(duration_words(duration_ms), f"{clusters} cụm loa", place, when)
