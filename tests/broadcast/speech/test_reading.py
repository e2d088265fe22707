"""Written notices as spoken words: golden readings, and properties that hold for every text."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broadcast.speech.number import spoken_number
from broadcast.speech.reading import spoken

GOLDEN = """
17:30 = mười bảy giờ ba mươi phút
17h30 = mười bảy giờ ba mươi phút
17g30 = mười bảy giờ ba mươi phút
17h30' = mười bảy giờ ba mươi phút
17h30 phút = mười bảy giờ ba mươi phút
17h 30 phút = mười bảy giờ ba mươi phút
17 giờ 30 phút = mười bảy giờ ba mươi phút
5:30 PM = mười bảy giờ ba mươi phút
12:00 AM = không giờ
10h15 p.m tại trụ sở = hai mươi hai giờ mười lăm phút tại trụ sở
10h15 a.m tại trụ sở = mười giờ mười lăm phút tại trụ sở
5 p.m. = mười bảy giờ
9 giờ 00 = chín giờ
từ 8 giờ 00 đến 9 giờ 00 phút = từ tám giờ đến chín giờ
dài 3.5 km = dài ba phẩy năm ki lô mét
3.500 km = ba nghìn năm trăm ki lô mét
1.25 triệu đồng = một phẩy hai năm triệu đồng
Gọi 0236 3822 115 hoặc 115. = gọi không hai ba sáu, ba tám hai hai, một một năm hoặc một một năm
công an 113 hay 115 khi cần = công an một trăm mười ba hay một một năm khi cần
113 hoặc 115 người = một trăm mười ba hoặc một trăm mười lăm người
7:30:15 = bảy giờ ba mươi phút mười lăm giây
17h = mười bảy giờ
5 giờ = năm giờ
07 giờ 05 phút = bảy giờ năm phút
24h00 = hai mươi bốn giờ
lúc 17g ngày 24/11 = lúc mười bảy giờ ngày hai mươi bốn tháng mười một
500g thịt = năm trăm gam thịt
trong 48h = trong bốn mươi tám giờ
trực 24/24h = trực hai mươi bốn trên hai mươi bốn giờ
phục vụ 24/7 = phục vụ hai mươi bốn trên bảy
ngày 24/7 = ngày hai mươi bốn tháng bảy
7h30-11h30 = bảy giờ ba mươi phút đến mười một giờ ba mươi phút
từ 7:30 – 9:00 = từ bảy giờ ba mươi phút đến chín giờ
7-9h sáng = bảy đến chín giờ sáng
17h 24/11 = mười bảy giờ ngày hai mươi bốn tháng mười một
7h,9h và 15h = bảy giờ, chín giờ và mười lăm giờ
7h30,8h00 = bảy giờ ba mươi phút, tám giờ
7h30/7h45 = bảy giờ ba mươi phút, bảy giờ bốn mươi lăm phút
17:30,24/11 = mười bảy giờ ba mươi phút, ngày hai mươi bốn tháng mười một
17:30 24/11/2026 = mười bảy giờ ba mươi phút ngày hai mươi bốn tháng mười một năm hai nghìn không trăm hai mươi sáu
5h chiều-7h tối = năm giờ chiều đến bảy giờ tối
lúc 5g30-7g = lúc năm giờ ba mươi phút đến bảy giờ
lúc 5g-7g = lúc năm giờ đến bảy giờ
dùng 15g-20g muối = dùng mười lăm gam đến hai mươi gam muối
khoảng 20g đường = khoảng hai mươi gờ đường
1,5h = một phẩy năm giờ
tổ 5 17h30 = tổ năm, mười bảy giờ ba mươi phút
24/11/2026 17:30 = ngày hai mươi bốn tháng mười một năm hai nghìn không trăm hai mươi sáu, mười bảy giờ ba mươi phút
tổ 5 12 hộ = tổ năm, mười hai hộ
17h60 = một bảy, sáu không
25:30 = hai năm, ba không
tỷ số 17:30 = tỷ số một bảy, ba không
24/11/2026 = ngày hai mươi bốn tháng mười một năm hai nghìn không trăm hai mươi sáu
24 / 11 / 2026 = ngày hai mươi bốn tháng mười một năm hai nghìn không trăm hai mươi sáu
ngày 24-11-2026 = ngày hai mươi bốn tháng mười một năm hai nghìn không trăm hai mươi sáu
2026-11-24 = ngày hai mươi bốn tháng mười một năm hai nghìn không trăm hai mươi sáu
ngày 2/9 = ngày hai tháng chín
đường 2/9 = đường hai tháng chín
20-11 = ngày hai mươi tháng mười một
ngày 8-3 = ngày tám tháng ba
tháng 4 = tháng tư
thứ 4, 25/11 = thứ tư, ngày hai mươi lăm tháng mười một
thứ 2-thứ 6 = thứ hai đến thứ sáu
24-26/11 = ngày hai mươi bốn đến ngày hai mươi sáu tháng mười một
24/11 - 26/11 = ngày hai mươi bốn tháng mười một đến ngày hai mươi sáu tháng mười một
ngày 3, 4/12 = ngày ba, bốn tháng mười hai
31/2/2026 = ba một, hai, hai không hai sáu
1/2 = một trên hai
đến 3/4 dân số = đến ba trên bốn dân số
tháng 11/2026 = tháng mười một năm hai nghìn không trăm hai mươi sáu
đợt 1/2026 = đợt một trên hai nghìn không trăm hai mươi sáu
tháng 11-12 = tháng mười một đến mười hai
gió cấp 8-9, giật cấp 11 = gió cấp tám đến chín, giật cấp mười một
quý IV/2026 = quý bốn năm hai nghìn không trăm hai mươi sáu
2025-2030 = hai nghìn không trăm hai mươi lăm đến hai nghìn không trăm ba mươi
1.500.000 = một triệu năm trăm nghìn
1.500.000đ = một triệu năm trăm nghìn đồng
50.000 VNĐ/hộ = năm mươi nghìn đồng một hộ
10,000đ = mười nghìn đồng
10 000 đồng = mười nghìn đồng
50k = năm mươi nghìn
3,5 tỷ đồng = ba phẩy năm tỷ đồng
3,5 = ba phẩy năm
05 hộ = năm hộ
3-5 người = ba đến năm người
10.000 - 20.000 đồng = mười nghìn đến hai mươi nghìn đồng
80% = tám mươi phần trăm
60 km/h = sáu mươi ki lô mét trên giờ
100m2 = một trăm mét vuông
5 m³ = năm mét khối
1m65 = một mét sáu mươi lăm
35°C = ba mươi lăm độ xê
-5°C = âm năm độ xê
mưa 200mm = mưa hai trăm mi li mét
0905 123 456 = không chín không năm, một hai ba, bốn năm sáu
0905123456 = không chín không năm, một hai ba, bốn năm sáu
+84 905 123 456 = cộng tám bốn, chín không năm, một hai ba, bốn năm sáu
gọi 113, 114 hoặc 115 = gọi một một ba, một một bốn hoặc một một năm
048090001234 = không bốn tám, không chín không, không không một, hai ba bốn
192.168.1.1 = một chín hai chấm một sáu tám chấm một chấm một
kiệt K12/5 = kiệt k mười hai trên năm
H5N1 = h năm n một
QL14B, ĐT605 = quốc lộ mười bốn b, đường tỉnh sáu trăm linh năm
COVID = covid
<5 km, >10 km = nhỏ hơn năm ki lô mét, lớn hơn mười ki lô mét
số 12A = số mười hai a
UBND TP. Đà Nẵng = ủy ban nhân dân thành phố đà nẵng
HĐND P. Hải Châu = hội đồng nhân dân phường hải châu
P.12, Q1, TP.HCM = phường mười hai, quận một, thành phố hồ chí minh
BHYT, CCCD, THCS, THPT = bảo hiểm y tế, căn cước công dân, trung học cơ sở, trung học phổ thông
TDP 5 = tổ dân phố năm
XYZ = ích i dài dét
THÔNG BÁO CỦA BAN CHỈ ĐẠO = thông báo của ban chỉ đạo
Covid-19 = covid mười chín
ông/bà = ông, bà
danang.gov.vn = danang chấm gov chấm vn
½ = một trên hai
٣ = ba
"""
CASES = [tuple(line.split(" = ")) for line in GOLDEN.strip().splitlines()]
# The signs and letters from which notices build times, dates, money and mischief.
PIECES = st.lists(
    st.sampled_from(
        [*"0123456789.,:/-hgđmk%°x'() ", " ngày ", " giờ ", " từ ", " đến ", "AM", "phút", "000", "½", "²", "TP."]
    )
)


@pytest.mark.parametrize(("written", "words"), CASES, ids=[case[0] for case in CASES])
def test_it_is_read_as_people_say_it(written, words):
    assert spoken(written) == f"{words}."


@pytest.mark.parametrize(
    "pattern", ["{h}h{m:02}", "{h:02}:{m:02}", "lúc {h}g{m:02} ngày 24/11", "{h:02} giờ {m:02} phút"]
)
def test_no_hour_of_the_day_is_ever_said_wrong(pattern):
    for hour in range(24):
        for minute in range(60):
            words = spoken(pattern.format(h=hour, m=minute))
            said = f"{spoken_number(hour)} giờ" + (f" {spoken_number(minute)} phút" if minute else "")
            if minute == 0 and "phút" in pattern:
                said = f"{spoken_number(hour)} giờ"
            assert words.removeprefix("lúc ").startswith(said)
            assert words.count("giờ") == 1


@given(st.integers(0, 199), st.integers(0, 99), st.sampled_from([":", "h", "g"]))
def test_an_hour_is_only_said_when_there_is_such_an_hour(hour, minute, sign):
    words = spoken(f"{hour}{sign}{minute:02}")
    exists = (hour < 24 and minute < 60) or (hour == 24 and minute == 0)
    assert ("giờ" in words) == exists


@given(
    st.integers(0, 23), st.integers(0, 59), st.integers(0, 23), st.integers(0, 59), st.sampled_from(["-", " - ", "–"])
)
def test_both_ends_of_a_span_of_hours_are_said(first, minutes, last, last_minutes, dash):
    words = spoken(f"từ {first}h{minutes:02}{dash}{last}:{last_minutes:02}")
    assert words.count(" giờ") == 2
    assert words.startswith(f"từ {spoken_number(first)} giờ")
    assert f" đến {spoken_number(last)} giờ" in words


@given(st.dates())
def test_every_date_of_our_time_is_said_with_day_month_and_year(date):
    if not 1900 <= date.year <= 2199:
        return
    month = "tư" if date.month == 4 else spoken_number(date.month)
    words = f"{spoken_number(date.day)} tháng {month} năm {spoken_number(date.year)}."
    assert spoken(f"ngày {date.day}/{date.month}/{date.year}") == f"ngày {words}"
    assert spoken(f"{date.day:02}-{date.month:02}-{date.year}") == f"ngày {words}"


@given(st.integers(0, 10**12))
def test_a_grouped_number_is_said_whole(number):
    written = f"{number:,}".replace(",", ".")
    assert spoken(f"{written} đồng") == f"{spoken_number(number)} đồng."


def expect_only_words(words: str) -> None:
    assert all(unicodedata.category(character)[0] in "LM" or character in " ,.?!" for character in words)
    assert words == words.strip()
    assert "  " not in words


@settings(max_examples=400, deadline=None)
@given(st.text() | PIECES.map("".join))
@example("9" * 5000)
@example("1.000" * 2000)
@example("+84" + "(0" * 50)
@example("1" + "'/ " * 6000)
@example("1" + "  /" * 6000)
@example("ngày 1/" * 3000)
@example("a1" * 10_000)
@example("1-" * 10_000)
@example("17:" * 7000)
def test_any_text_becomes_words_without_digits_or_signs(text):
    words = spoken(text)
    expect_only_words(words)
    assert words == spoken(text)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(categories=["Nd", "Nl", "No"]), min_size=1, max_size=5))
def test_no_digit_of_any_script_survives(text):
    expect_only_words(spoken(text))


@settings(deadline=None)
@given(PIECES.map("".join))
def test_nothing_that_holds_a_digit_is_silent(text):
    if any(character.isdigit() for character in text):
        assert spoken(text)
