"""In a real browser, at the size of a phone and of the ward's old PC: compose, approve, hear, replay.

Chromium is Debian's. Screenshots of every step are left in the test's own folder, for people to look at.
"""

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright
from sqlalchemy import select
from starlette.types import Receive, Scope, Send

from broadcast.administrative_unit import unit_of_slug
from broadcast.programme import Programme
from broadcast.speech.clean import MAX_CHARACTERS
from streams.clock import Clock
from streams.cue import Cue
from streams.door import Door
from streams.engine import Engine
from streams.packet_store import PacketStore
from streams.sources.tone import open_tone

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
SIZES = {"phone": (360, 640), "pc": (1366, 768)}
PASSWORD = "mật khẩu đủ dài"
TITLE = "Lịch tiêm chủng tháng 11"

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Served:
    """A station that a browser can reach."""

    house: Any
    url: str


@contextmanager
def serving(house: Any, engine: Engine | None = None) -> Iterator[Served]:
    """The station behind a real server; the engine delivers its sound on the server's own loop."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        config = uvicorn.Config(
            house.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)

        async def serve() -> None:
            stop = engine.start(asyncio.get_running_loop()) if engine else None
            await server.serve(sockets=[door])
            if stop:
                stop()

        thread = threading.Thread(target=asyncio.run, args=(serve(),))
        thread.start()
        yield Served(house, f"http://127.0.0.1:{door.getsockname()[1]}")
        server.should_exit = True
        thread.join()


@pytest.fixture
def served(database: Any, make_house: Callable[..., Any], clock: Any) -> Iterator[Served]:
    """The station behind a real server, at this hour."""
    clock.at = datetime.now(UTC)
    with serving(make_house(database)) as it:
        yield it


@pytest.fixture
def browser(program_of: Callable[[str], str]) -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program_of("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass(slots=True)
class Hand:
    """A person at a screen; each `shot` is numbered, and nothing may be wider than the screen."""

    page: Page
    url: str
    folder: Path
    name: str
    complaints: list[str]
    number: int = 0

    def open(self, address: str) -> None:
        """Go to a page."""
        self.page.goto(self.url + address)

    def shot(self, what: str) -> None:
        """Look at the page, and measure it."""
        self.number += 1
        self.page.screenshot(path=self.folder / f"{self.name}-{self.number:02}-{what}.png", full_page=True)
        beyond = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond == 0, f"{what} is {beyond} px wider than the screen"
        small = self.page.evaluate(
            """[...document.querySelectorAll(`button, .button, input:not([type=hidden], [type=checkbox], [type=radio]),
            select, textarea, summary`)].filter(e => e.offsetParent && e.getBoundingClientRect().height < 47.5)
            .map(e => e.outerHTML.slice(0, 120))"""
        )
        assert small == [], f"too small for a thumb on {what}"
        nameless = self.page.evaluate(
            """[...document.querySelectorAll(`input:not([type=hidden]), select, textarea, audio, button, nav,
            progress`)]
            .filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim()))
            .map(e => e.outerHTML.slice(0, 120))"""
        )
        assert nameless == [], f"without a name for those who do not see on {what}"
        twice = self.page.evaluate(
            """(ids => ids.filter((id, at) => ids.indexOf(id) < at))(
            [...document.querySelectorAll('[id]')].map(e => e.id))"""
        )
        assert twice == [], f"ids given twice on {what}"

    def sign_in(self, who: str) -> None:
        """Sign in."""
        self.open("/dang-nhap")
        self.page.fill("#ten", who)
        self.page.fill("#mat_khau", PASSWORD)
        self.page.click("main button")
        self.page.wait_for_url("**/hom-nay")

    def hears(self) -> None:
        """Play the first sound of the page until some of it was heard."""
        self.page.evaluate("document.querySelector('audio').play()")
        self.until("document.querySelector('audio').currentTime > 0.3")

    def until(self, condition: str) -> None:
        """Wait until something is so; the pages forbid scripts from outside, so it is asked again and again."""
        deadline = time.monotonic() + 20
        while not self.page.evaluate(condition):
            assert time.monotonic() < deadline, condition
            self.page.wait_for_timeout(50)


def hand(context: BrowserContext, served: Served, folder: Path, name: str) -> Hand:
    """Somebody sits down; what the browser complains about is kept."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return Hand(page, served.url, folder, name, complaints)


@pytest.mark.parametrize("size", list(SIZES))
def test_compose_approve_hear_and_replay(served: Served, browser: Browser, tmp_path: Path, size: str) -> None:
    width, height = SIZES[size]
    seat: Any = {"viewport": {"width": width, "height": height}, "locale": "vi-VN"}
    house = served.house
    writes, leads, listens = (
        hand(browser.new_context(**seat), served, tmp_path, f"{size}-{who}") for who in ("lan", "minh", "citizen")
    )

    writes.sign_in("lan")
    writes.shot("today")
    writes.page.click("nav.tabs a[href='/soan']")
    writes.shot("shelf")
    writes.page.click("text=Viết chương trình")
    writes.page.fill("#tieu_de", TITLE)
    writes.page.fill("#noi_dung", "Kính thưa bà con. 7 giờ 30 thứ Bảy này, tiêm chủng tại trạm y tế phường.")
    writes.shot("write")
    writes.page.click("text=Lưu và nghe thử")
    writes.page.wait_for_url("**/nghe")
    assert "Đang tạo âm thanh" in writes.page.inner_text("main")
    writes.shot("waiting")
    house.make_sounds()
    writes.page.wait_for_selector("audio")  # the page looks again by itself
    writes.hears()
    writes.shot("hear")
    assert writes.page.evaluate("localStorage.length") == 0
    writes.page.click("text=sang bước gửi")
    writes.shot("ask")
    writes.page.click("button:has-text('Gửi duyệt')")
    writes.page.wait_for_selector("text=Đang chờ duyệt")

    leads.sign_in("minh")
    leads.page.click("nav.tabs a[href='/duyet']")
    leads.hears()
    leads.shot("approve")
    leads.page.click("main button:has-text('Duyệt')")
    leads.page.wait_for_selector("text=Đã duyệt.")

    writes.page.reload()
    writes.shot("send")
    writes.page.check("input[value='dat-lich']")
    writes.page.select_option("#lap", "cac-thu")
    writes.shot("send-later")
    writes.page.check("input[value='ngay-bay-gio']")
    writes.page.click("text=Xem lại trước khi phát")
    assert re.search(r"Sẽ phát \d+ giây, 1 cụm loa, phường Hải Châu, ngay bây giờ\.", writes.page.inner_text("main"))
    writes.shot("read-back")
    writes.page.click("button:has-text('Phát ngay')")
    writes.page.wait_for_url("**/hom-nay?*")
    house.playout.look(house.clock())
    house.clock.wind(seconds=1)
    writes.page.wait_for_selector("text=Dừng phát")  # htmx looks every few seconds
    writes.shot("on-air")
    writes.page.focus("button:has-text('Dừng phát')")
    writes.page.evaluate("document.activeElement.dataset.old = 'yes'")
    writes.until("!document.querySelector('[data-old]')")  # the piece of the page was replaced
    assert writes.page.evaluate("document.activeElement.innerText") == "Dừng phát", "the keyboard's place is kept"

    house.clock.wind(seconds=60)
    house.playout.look(house.clock())
    writes.page.wait_for_selector("text=chưa có loa nào ở đây")
    writes.shot("aired")
    listens.open("/")
    listens.shot("city")
    listens.page.fill("input[name=tim]", "hai chau")
    listens.page.click("button:has-text('Tìm')")
    listens.page.click("text=Phường Hải Châu >> nth=0")
    listens.shot("commune")
    listens.page.click(f"a:has-text('{TITLE}')")
    listens.hears()
    listens.shot("episode")
    assert writes.complaints + leads.complaints + listens.complaints == []


def test_every_other_page_fits_the_screen_too(served: Served, browser: Browser, tmp_path: Path) -> None:
    for size, (width, height) in SIZES.items():
        context = browser.new_context(viewport={"width": width, "height": height})
        looks = hand(context, served, tmp_path, size)
        looks.sign_in("quantri")
        for address in (
            "/lich",
            "/cum-loa",
            "/tai-khoan",
            "/tai-khoan/moi-nguoi",
            "/nhat-ky",
            "/soan/moi?kieu=tep",
            "/a",
        ):
            looks.open(address)
            looks.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
            looks.shot(address.strip("/").replace("/", "-").partition("?")[0])
        assert [one for one in looks.complaints if "404" not in one] == []


def test_the_first_view_is_light_enough_for_a_slow_phone(served: Served, browser: Browser) -> None:
    for address in ("/", "/dang-nhap"):
        page = browser.new_page()
        sizes: list[int] = []
        page.on("response", lambda answer, sizes=sizes: sizes.append(len(answer.body())))
        page.goto(served.url + address, wait_until="networkidle")
        assert sum(sizes) < 150_000


def test_everything_is_there_without_scripts(served: Served, browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 640})
    page = context.new_page()
    page.goto(f"{served.url}/dang-nhap")
    page.fill("#ten", "lan")
    page.fill("#mat_khau", PASSWORD)
    page.click("main button")
    page.goto(f"{served.url}/soan/moi?kieu=tep")
    sound = tmp_path / "họp dân.txt"
    sound.write_text("không phải âm thanh")
    page.set_input_files("#tep", sound)
    page.click("text=Gửi lên và nghe thử")
    page.wait_for_url("**/nghe")
    served.house.make_sounds()
    page.reload()
    assert "chưa có âm thanh" in page.inner_text("main")
    page.goto(f"{served.url}/lich")
    page.click("text=Xem từng ngày")
    assert "Không có lịch." in page.inner_text("main")


def test_what_is_typed_is_kept_when_the_page_is_left(served: Served, browser: Browser, tmp_path: Path) -> None:
    writes = hand(browser.new_context(), served, tmp_path, "draft")
    writes.sign_in("lan")
    writes.open("/soan/moi")
    writes.page.fill("#tieu_de", "Chưa xong")
    writes.page.fill("#noi_dung", "Đang viết dở.")
    writes.until(kept("viết dở"))
    writes.open("/soan/moi")
    writes.page.click("text=Lấy lại")
    assert writes.page.input_value("#noi_dung") == "Đang viết dở."
    writes.page.wait_for_selector("text=Đã lưu bản nháp lúc", timeout=15_000)
    assert re.search(r"/soan/(?!moi)\w+$", writes.page.url)
    assert writes.page.evaluate("localStorage.length") == 0


def kept(words: str) -> str:
    """Whether this browser keeps a copy with these words."""
    return f"Object.values(localStorage).some(one => one.includes('{words}'))"


def test_a_copy_is_forgotten_when_its_own_words_have_arrived_and_not_before(
    served: Served, browser: Browser, tmp_path: Path
) -> None:
    writes = hand(browser.new_context(), served, tmp_path, "copy")
    writes.sign_in("lan")
    writes.open("/soan/moi")
    writes.page.fill("#tieu_de", "Chương trình một")
    writes.page.fill("#noi_dung", "Đã xong.")
    writes.page.click("text=Lưu và nghe thử")
    writes.page.wait_for_url(re.compile("/nghe$"))
    first = writes.page.url
    assert writes.page.evaluate("localStorage.length") == 0
    writes.open("/soan/moi")
    writes.page.fill("#tieu_de", "Chương trình hai")
    writes.page.fill("#noi_dung", "Chưa xong.")
    writes.until(kept("Chưa xong"))
    writes.page.goto(first)
    writes.page.wait_for_load_state("networkidle")
    assert writes.page.evaluate(kept("Chưa xong")), "another programme's page has nothing to do with these words"
    writes.open("/tai-khoan")
    asked: list[str] = []
    writes.page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    writes.page.click("text=Đăng xuất")
    assert "chưa lưu" in asked[0]
    assert writes.page.evaluate(kept("Chưa xong")), "somebody who thinks again stays, and so do the words"
    writes.page.once("dialog", lambda dialog: dialog.accept())
    writes.page.click("text=Đăng xuất")
    writes.page.wait_for_url("**/dang-nhap")
    assert writes.page.evaluate("localStorage.length") == 0, "the next person at this machine finds nothing"


@pytest.mark.parametrize("then", ["types on", "sends it"])
def test_what_happens_while_a_first_save_runs_makes_no_second_programme_and_loses_nothing(
    served: Served, browser: Browser, tmp_path: Path, then: str
) -> None:
    writes = hand(browser.new_context(), served, tmp_path, "save")
    writes.sign_in("lan")
    writes.open("/soan/moi")
    held: list[Route] = []
    writes.page.route("**/soan/van-ban/luu", lambda route: held.append(route))  # noqa: PLW0108
    writes.page.fill("#tieu_de", "Lưu chậm")
    writes.page.fill("#noi_dung", "Câu đầu.")
    with writes.page.expect_request("**/soan/van-ban/luu", timeout=20_000):
        pass
    if then == "types on":
        writes.page.fill("#noi_dung", "Câu đầu. Câu sau.")
        held[0].continue_()
        writes.page.wait_for_selector("text=Đã lưu bản nháp lúc")
        assert writes.page.evaluate(kept("Câu sau")), "what the station has not got is still kept here"
        writes.page.click("text=Lưu và nghe thử")
    else:
        writes.page.click("text=Lưu và nghe thử", no_wait_after=True)
        held[0].continue_()
    writes.page.wait_for_url(re.compile("/nghe$"))
    assert writes.page.evaluate("localStorage.length") == 0
    with served.house.station.database.reading() as session:
        texts = list(session.scalars(select(Programme.text)))
    assert texts == ["Câu đầu. Câu sau." if then == "types on" else "Câu đầu."]


def test_a_save_that_the_station_refuses_is_told_in_its_own_words(
    served: Served, browser: Browser, tmp_path: Path
) -> None:
    writes = hand(browser.new_context(), served, tmp_path, "refused")
    writes.sign_in("lan")
    writes.open("/soan/moi")
    assert writes.page.get_attribute("#noi_dung", "maxlength") == str(MAX_CHARACTERS)
    writes.page.fill("#tieu_de", "Hỏng")
    writes.page.evaluate("document.querySelector('#noi_dung').removeAttribute('maxlength')")
    writes.page.fill("#noi_dung", "a" * (MAX_CHARACTERS + 1))
    writes.page.wait_for_selector("text=dài quá 20.000 ký tự", timeout=20_000)
    assert "chưa lưu được lên máy chủ" not in writes.page.inner_text("main").lower()


class BreaksOnce:
    """The door of the listeners; the first who has listened for three seconds loses the connection."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.broke = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(None if self.broke else 3):
                await self.door(scope, receive, send)
        except TimeoutError:
            self.broke = True


def test_a_citizen_hears_live_and_hears_on_after_a_lost_connection(
    database: Any, make_house: Callable[..., Any], browser: Browser, tmp_path: Path
) -> None:
    clock = Clock()
    engine = Engine(lambda name: open_tone(name.partition(":")[2]), PacketStore(Path).load, clock)
    path = unit_path(database)
    engine.give(path, [Cue("a", "tone:500", clock.position(), 0, 120 * 48_000)])
    door = BreaksOnce(Door(engine, lambda name: path if name == path else None))
    with serving(make_house(database, listen=door), engine) as it:
        listens = hand(browser.new_context(), it, tmp_path, "live")
        listens.open("/x/hai-chau")
        listens.page.evaluate("document.querySelector('audio').play().catch(() => {})")
        listens.until("document.querySelector('audio').currentTime > 0.3")
        listens.page.wait_for_selector("text=Mất kết nối, đang nối lại…")
        heard = float(listens.page.evaluate("document.querySelector('audio').currentTime"))
        listens.until(f"document.querySelector('audio').currentTime > {heard + 1.5}")
        listens.until("document.querySelector('[data-live-trouble]').textContent === ''")
        assert door.broke
        listens.page.evaluate("document.querySelector('audio').pause()")


def unit_path(database: Any) -> str:
    """The path of Hải Châu."""
    with database.reading() as session:
        return str(unit_of_slug(session, "hai-chau").path)


def test_an_upload_shows_its_progress_and_ends_at_the_sound(
    served: Served, browser: Browser, tmp_path: Path, tone: Callable[..., bytes]
) -> None:
    sends = hand(browser.new_context(), served, tmp_path, "upload")
    sends.sign_in("lan")
    sends.open("/soan/moi?kieu=tep")
    told: list[str] = []
    sends.page.expose_function("told", lambda text: told.append(text))  # noqa: PLW0108
    sends.page.evaluate(
        """new MutationObserver(() => told(document.querySelector('[data-progress-text]').textContent))
        .observe(document.querySelector('[data-progress]'), {childList: true, characterData: true, subtree: true})"""
    )
    line = sends.page.context.new_cdp_session(sends.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_000_000}
    line.send("Network.emulateNetworkConditions", slow)
    sends.page.set_input_files("#tep", {"name": "họp dân.wav", "mimeType": "audio/wav", "buffer": tone(seconds=60)})
    sends.page.click("text=Gửi lên và nghe thử")
    sends.page.wait_for_url("**/nghe")
    served.house.make_sounds()
    sends.page.wait_for_selector("audio")
    assert "họp dân.wav" in sends.page.inner_text("h1")
    sent = [float(one[1].replace(",", ".")) for text in told if (one := re.match(r"Đang gửi: ([\d,]+) / 1,9 MB", text))]
    assert sent == sorted(sent)
    assert len(set(sent)) > 2, "the number grows before the eyes of who waits"
    assert "Đã gửi xong, đang kiểm tra…" in told
    assert sends.complaints == []


def test_a_browser_sends_no_form_for_another_site(served: Served, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(served.url)
    framed = page.evaluate(
        """url => new Promise(done => { const f = document.createElement('iframe'); f.src = url;
        f.onload = () => done(f.contentDocument?.body?.innerText ?? ''); document.body.append(f); })""",
        f"{served.url}/dang-nhap",
    )
    assert "Mật khẩu" not in framed
