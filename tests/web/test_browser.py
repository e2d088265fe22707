"""In a real browser, at the size of a phone and of the ward's old PC: compose, approve, hear, replay.

Chromium is Debian's. Screenshots of every step are left in the test's own folder, for people to look at.
"""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
SIZES = {"phone": (360, 640), "pc": (1366, 768)}
PASSWORD = "mật khẩu đủ dài"
TITLE = "Lịch tiêm chủng tháng 11"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's Chromium is not installed: scripts/install --dev."),
]


@dataclass(frozen=True, slots=True)
class Served:
    """A station that a browser can reach."""

    house: Any
    url: str


@pytest.fixture
def served(database: Any, make_house: Callable[..., Any], clock: Any) -> Iterator[Served]:
    """The station behind a real server, at this hour."""
    clock.at = datetime.now(UTC)
    house = make_house(database)
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        server = uvicorn.Server(uvicorn.Config(house.app, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        yield Served(house, f"http://127.0.0.1:{door.getsockname()[1]}")
        server.should_exit = True
        thread.join()


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
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
    leads.page.click("text=Duyệt chương trình này")
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

    house.clock.wind(seconds=60)
    house.playout.look(house.clock())
    writes.page.wait_for_selector("text=0/1 cụm loa đã phát")
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
    writes.until("Boolean(localStorage.getItem('loa-ban-nhap-moi')?.includes('viết dở'))")
    writes.open("/soan/moi")
    writes.page.click("text=Lấy lại")
    assert writes.page.input_value("#noi_dung") == "Đang viết dở."
    writes.page.wait_for_selector("text=Đã lưu bản nháp lúc", timeout=15_000)
    assert re.search(r"/soan/(?!moi)\w+$", writes.page.url)
    assert writes.page.evaluate("localStorage.length") == 0


def test_an_upload_shows_its_progress_and_ends_at_the_sound(
    served: Served, browser: Browser, tmp_path: Path, tone: Callable[..., bytes]
) -> None:
    sends = hand(browser.new_context(), served, tmp_path, "upload")
    sends.sign_in("lan")
    sends.open("/soan/moi?kieu=tep")
    sends.page.set_input_files("#tep", {"name": "họp dân.wav", "mimeType": "audio/wav", "buffer": tone(seconds=2)})
    sends.page.click("text=Gửi lên và nghe thử")
    sends.page.wait_for_url("**/nghe")
    served.house.make_sounds()
    sends.page.wait_for_selector("audio")
    assert "họp dân.wav" in sends.page.inner_text("h1")
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
