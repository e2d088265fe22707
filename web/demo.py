"""The demo: a station with something on air. Six agents in three communes, a spoken bulletin and a daily schedule.

Everything is made through the same functions that people use on the pages, so the demo shows nothing that the
station cannot do. Started again it finds what is there and goes on.
"""

import asyncio
import contextlib
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broadcast.account import Account, account_of_name, add_account, person_from
from broadcast.administrative_unit import AdministrativeUnit, add_village, city, seed_da_nang, unit_of_slug
from broadcast.approval import approve, submit
from broadcast.composition import write_text
from broadcast.database import Database
from broadcast.permission import Person
from broadcast.plan import Schedule
from broadcast.programme import Programme
from broadcast.schedule import add, play_now
from broadcast.settings import Settings
from broadcast.storage import Storage
from speakers.cluster import Cluster, add_cluster
from speakers.enrolment import issue_code
from speakers.speaker import Speaker
from web.serving import Parts, now

log = structlog.get_logger(__name__)

PLACES = (("hai-chau", "Tổ dân phố 12"), ("son-tra", "Tổ dân phố 3"), ("hoa-vang", "Thôn Phú Hòa"))
CLUSTERS = ("Cụm loa nhà văn hóa", "Cụm loa đầu xóm")
PEOPLE = (
    ("quantri", "Quản trị hệ thống", "administrator"),
    ("bientap", "Cán bộ biên tập", "editor"),
    ("lanhdao", "Lãnh đạo duyệt", "approver"),
)
TITLE = "Bản tin cơ sở: lịch tiêm chủng"
BULLETIN = (
    "Kính thưa bà con.\n"
    "Ủy ban nhân dân phường trân trọng thông báo lịch tiêm chủng mở rộng cho trẻ em dưới 5 tuổi.\n"
    "Thời gian: từ 7 giờ 30 đến 11 giờ, thứ Bảy này. Địa điểm: trạm y tế phường.\n"
    "Đề nghị bà con mang theo sổ tiêm chủng. Trân trọng cảm ơn."
)
DAILY_AT = "17:00:00"
AGENT_BACK_S, AGENT_STEADY_S, AGENT_LONGEST_PAUSE_S = 0.5, 20.0, 30.0
AGENTS_WITHIN_S = 20.0
FETCHED_WITHIN_S = 1.0
"""How long the poles get to fetch what was approved, as people give them between approving and playing."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """What the demo found or made: accounts that are new, with their passwords, and one cluster for each agent."""

    accounts: tuple[tuple[str, str, str], ...]
    cluster_ids: tuple[str, ...]


def seed(database: Database, folder: Path) -> Seeded:
    """Units, people and clusters, where they are not there yet. New passwords are also left in a file for the owner."""
    with database.transaction() as session:
        seed_da_nang(session, now().date())
        accounts = tuple(_people(session))
        cluster_ids = tuple(one for slug, village in PLACES for one in _clusters(session, slug, village))
    if accounts:
        kept = folder / "demo-accounts.txt"
        kept.touch(mode=0o600)
        with kept.open("a") as file:
            file.writelines(f"{name} {password} ({role})\n" for name, password, role in accounts)
    return Seeded(accounts, cluster_ids)


def _people(session: Session) -> list[tuple[str, str, str]]:
    made = []
    for name, full_name, role in PEOPLE:
        if session.scalar(select(Account.id).where(Account.sign_in_name == name)) is None:
            _, password = add_account(session, name, full_name, role, city(session), password=None, now=now())
            made.append((name, password, role))
    return made


def _clusters(session: Session, slug: str, village: str) -> list[str]:
    commune = unit_of_slug(session, slug)
    place = session.scalar(
        select(AdministrativeUnit).where(AdministrativeUnit.parent_id == commune.id, AdministrativeUnit.name == village)
    ) or add_village(session, commune, village, now())
    known = session.scalars(select(Cluster).where(Cluster.unit_id == place.id, Cluster.retired_at.is_(None))).all()
    names = {one.name: one.id for one in known}
    return [names.get(name) or add_cluster(session, place, name, person_id=None, now=now()).id for name in CLUSTERS]


@dataclass(frozen=True, slots=True)
class Doors:
    """The ports of the demo, kept from start to start because the agents remember them."""

    http: int
    mqtt: int


def doors(folder: Path, port: int | None) -> Doors:
    """The ports of last time, or new ones; agents that know others are told to enrol anew."""
    kept = folder / "demo.json"
    before = Doors(**json.loads(kept.read_text())) if kept.exists() else None
    http = port or (before.http if before else 8080)
    wanted = Doors(http, before.mqtt if before and before.http == http else http + 1)
    if before is not None and before != wanted:
        shutil.rmtree(folder / "agents", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"http": wanted.http, "mqtt": wanted.mqtt}))
    return wanted


class Demo:
    """What runs beside the station: six agents, and once the bulletin."""

    def __init__(self, seeded: Seeded, folder: Path, first_sink: str = "null") -> None:
        self._seeded = seeded
        self._folder = folder
        self._first_sink = first_sink

    async def beside(self, parts: Parts) -> None:
        """Start the agents and put the bulletin on air; ends the agents when cancelled."""
        await self._until_served(parts.settings)
        async with asyncio.TaskGroup() as tasks:
            for number, cluster_id in enumerate(self._seeded.cluster_ids, 1):
                tasks.create_task(self._keep_agent(parts, number, cluster_id), name=f"agent {number}")
            tasks.create_task(self._bulletin(parts), name="bulletin")

    async def _until_served(self, settings: Settings) -> None:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", settings.http_port)
                writer.close()
                return
            await asyncio.sleep(0.05)

    async def _keep_agent(self, parts: Parts, number: int, cluster_id: str) -> None:
        """Run one agent as its own process, again whenever it ends."""
        folder = self._folder / "agents" / str(number)
        pause_s = AGENT_BACK_S
        while True:
            began = time.monotonic()
            words = [
                sys.executable, "-m", "speakers.agent", "--data", str(folder),
                "--sink", self._first_sink if number == 1 else "null",
            ]  # fmt: skip
            if not (folder / "identity.json").exists():
                code = await asyncio.to_thread(self._code, parts.database, cluster_id, number)
                words += ["--station", parts.settings.base_url, "--code", code]
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "log").open("ab") as lines:
                process = await asyncio.create_subprocess_exec(*words, stdout=lines, stderr=lines)
            try:
                await process.wait()
            except asyncio.CancelledError:
                process.terminate()
                await process.wait()
                raise
            # One that ends at once finds its folder taken, by an agent that outlived a killed demo and plays on.
            quick = time.monotonic() - began < AGENT_STEADY_S
            pause_s = min(2 * pause_s, AGENT_LONGEST_PAUSE_S) if quick else AGENT_BACK_S
            await asyncio.sleep(pause_s)

    def _code(self, database: Database, cluster_id: str, number: int) -> str:
        """A code for a new agent; one that was there before with another identity is taken out of use."""
        with database.transaction() as session:
            for before in session.scalars(
                select(Speaker).where(Speaker.cluster_id == cluster_id, Speaker.retired_at.is_(None))
            ):
                before.retired_at, before.provisioned = now(), False
            return issue_code(session, cluster_id, f"Loa {number}", person_id=None, now=now())

    async def _bulletin(self, parts: Parts) -> None:
        """Write, approve and schedule the bulletin, unless an earlier start of the demo did."""
        programme_id = await asyncio.to_thread(_write, parts.database, parts.settings)
        if programme_id is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(AGENTS_WITHIN_S):
                while await asyncio.to_thread(_agents_there, parts.database) < len(CLUSTERS) * len(PLACES):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        while not await asyncio.to_thread(_approve, parts.database, programme_id):  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # the worker that makes the sound is another process
        parts.playout.hint()
        await asyncio.sleep(FETCHED_WITHIN_S)
        await asyncio.to_thread(_put_on_air, parts.database, parts.settings, programme_id)
        parts.playout.hint()
        log.info("the bulletin is on air", programme=programme_id)


def _person(session: Session, name: str) -> Person:
    return person_from(session, account_of_name(session, name))


def _write(database: Database, settings: Settings) -> str | None:
    with database.transaction() as session:
        found = session.scalar(select(Programme).where(Programme.title == TITLE))
        if found is not None:
            scheduled = session.scalar(select(Schedule.id).where(Schedule.programme_id == found.id).limit(1))
            return None if scheduled else found.id
        editor = _person(session, "bientap")
        written = write_text(
            session, city(session), TITLE, BULLETIN,
            voice=settings.default_voice, storage=Storage(settings.data / "media"), person=editor, now=now(),
            loudness_lufs=settings.loudness_lufs,
        )  # fmt: skip
        return written.id


def _agents_there(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).where(Speaker.alive, Speaker.retired_at.is_(None))) or 0


def _approve(database: Database, programme_id: str) -> bool:
    """Once the sound is ready: sent for approval by one, approved by another. Whether it is done."""
    with database.reading() as session:
        if session.get_one(Programme, programme_id).sound_state != "ready":
            return False
    with database.transaction() as session:
        programme = session.get_one(Programme, programme_id)
        if programme.state == "draft":
            submit(session, programme, _person(session, "bientap"), now())
        if programme.state == "submitted":
            approve(session, programme, programme.heard_sha256, _person(session, "lanhdao"), now())
    return True


def _put_on_air(database: Database, settings: Settings, programme_id: str) -> None:
    """Now in three communes, and every day at five in the afternoon."""
    with database.transaction() as session:
        programme, editor = session.get_one(Programme, programme_id), _person(session, "bientap")
        targets: Sequence[tuple[str, str | None]] = [(unit_of_slug(session, slug).id, None) for slug, _ in PLACES]
        play_now(session, programme, targets, editor, now(), lead_ms=settings.lead_now_ms)
        tomorrow = (now().astimezone(ZoneInfo("Asia/Ho_Chi_Minh")) + timedelta(days=1)).date()
        add(session, programme, targets, f"{tomorrow}T{DAILY_AT}", rule="FREQ=DAILY", person=editor, now=now())


def welcome(seeded: Seeded, base_url: str, folder: Path) -> str:
    """What is printed when the demo has started."""
    people = [f"    {name:<10}{password}   ({role})" for name, password, role in seeded.accounts] or [
        f"    đã in ở lần chạy đầu, còn trong {folder / 'demo-accounts.txt'} (printed at the first start, kept there)"
    ]
    return "\n".join(
        [
            "",
            f"  Loa: {base_url}",
            "",
            "  Tài khoản (accounts):",
            *people,
            "",
            "  Ba việc để thử (three things to try):",
            f"    1. Nghe như người dân (listen as a citizen):      {base_url}/x/hai-chau",
            f"    2. Soạn và gửi một thông báo, «bientap» (write):  {base_url}/soan",
            f"    3. Duyệt rồi phát, «lanhdao» (approve, play):     {base_url}/duyet",
            "",
            "  Ctrl-C để dừng (to stop).",
            "",
        ]
    )
