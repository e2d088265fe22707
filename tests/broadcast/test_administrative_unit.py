"""The tree of units: the official communes, found by name, code and address."""

import re
import unicodedata
from datetime import date, datetime, timedelta

import pytest
import vietnam_provinces
from hypothesis import given
from hypothesis import strategies as st

from broadcast.administrative_unit import (
    DA_NANG,
    AdministrativeUnit,
    add_village,
    city,
    communes,
    end,
    search,
    seed_da_nang,
    slug_of,
    successors,
    unit,
    unit_of_path,
    unit_of_slug,
    units_below,
)
from broadcast.database import Database
from broadcast.errors import NotFound, Refused

TODAY = date(2026, 11, 22)
KINDS = {"phường": "ward", "xã": "commune", "đặc khu": "special_zone"}


@pytest.fixture
def seeded(database: Database) -> Database:
    with database.transaction() as session:
        seed_da_nang(session, TODAY)
    return database


def test_the_data_file_holds_exactly_the_communes_of_the_package() -> None:
    rows = [line.split("\t") for line in DA_NANG.read_text().splitlines() if not line.startswith("#")]
    official = vietnam_provinces.Ward.iter_by_province(vietnam_provinces.ProvinceCode.P_48)
    expected = [[f"{one.code.value:05d}", KINDS[one.division_type.value], one.name, "2025-07-01"] for one in official]
    assert rows[0] == ["code", "kind", "name", "valid_from"]
    assert rows[1:] == sorted(expected)
    assert len(expected) == 94


def test_the_data_file_says_where_it_comes_from() -> None:
    header = " ".join(line for line in DA_NANG.read_text().splitlines() if line.startswith("#"))
    assert "vietnam-provinces, version 2025.10.1" in header
    assert "GPL-3.0-or-later" in header
    assert vietnam_provinces.__version__ == "2025.10.1"


def test_seeding_twice_adds_nothing(seeded: Database) -> None:
    with seeded.transaction() as session:
        before = {one.id for one in session.query(AdministrativeUnit)}
        seed_da_nang(session, TODAY)
        assert {one.id for one in session.query(AdministrativeUnit)} == before
    assert len(before) == 95


def test_every_commune_has_an_address_of_its_own(seeded: Database) -> None:
    with seeded.reading() as session:
        slugs = [one.slug for one in session.query(AdministrativeUnit)]
    assert len(set(slugs)) == 95
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) for slug in slugs)


def test_a_commune_is_found_by_address_path_and_id(seeded: Database) -> None:
    with seeded.reading() as session:
        hai_chau = unit_of_slug(session, "hai-chau")
        assert (hai_chau.name, hai_chau.path, hai_chau.kind) == ("Phường Hải Châu", "48/20242", "ward")
        assert unit_of_path(session, "48/20242").id == unit(session, hai_chau.id).id == hai_chau.id
        assert city(session).slug == "da-nang"


@pytest.mark.parametrize("find", [unit, unit_of_slug, unit_of_path])
def test_what_is_not_there_is_said_to_be_not_there(seeded: Database, find: object) -> None:
    with seeded.reading() as session, pytest.raises(NotFound, match="Không tìm thấy địa phương này"):
        find(session, "hà-nội")  # type: ignore[operator]


def test_communes_are_those_of_the_day(seeded: Database) -> None:
    with seeded.reading() as session:
        assert len(communes(session, TODAY)) == 94
        assert communes(session, date(2025, 6, 30)) == []


def test_a_commune_that_ends_is_gone_from_the_tree_of_later_days_and_says_what_took_its_place(
    seeded: Database, now: datetime
) -> None:
    last, after = date(2027, 6, 30), date(2027, 7, 1)
    with seeded.transaction() as session:
        hai_chau, hoa_cuong, root = unit_of_slug(session, "hai-chau"), unit_of_slug(session, "hoa-cuong"), city(session)
        village = add_village(session, hai_chau, "Thôn 1", now)
        end(session, hai_chau, after, [hoa_cuong])
    with seeded.reading() as session:
        assert (hai_chau.is_valid(last), hai_chau.is_valid(after), village.is_valid(after)) == (True, False, False)
        assert (len(communes(session, last)), len(communes(session, after))) == (94, 93)
        assert (len(units_below(session, root, last)), len(units_below(session, root, after))) == (95, 93)
        assert search(session, "hải châu", last)[0].slug == "hai-chau"
        assert search(session, "hải châu", after) == []
        assert [one.slug for one in successors(session, hai_chau)] == ["hoa-cuong"]
        assert unit_of_path(session, hai_chau.path).id == hai_chau.id, "what it aired is still found"


def test_a_unit_ends_after_its_beginning_and_for_units_that_are_there(seeded: Database) -> None:
    with seeded.transaction() as session:
        hai_chau, hoa_cuong = unit_of_slug(session, "hai-chau"), unit_of_slug(session, "hoa-cuong")
        for day, by in ((date(2025, 7, 1), []), (date(2027, 7, 1), [hai_chau])):
            with pytest.raises(Refused):
                end(session, hai_chau, day, by)
        end(session, hoa_cuong, date(2027, 1, 1))
        with pytest.raises(Refused, match="Hòa Cường"):
            end(session, hai_chau, date(2027, 7, 1), [hoa_cuong])


def test_villages_hang_below_their_commune(seeded: Database, now: datetime) -> None:
    with seeded.transaction() as session:
        hai_chau = unit_of_slug(session, "hai-chau")
        village = add_village(session, hai_chau, "  Tổ dân phố  1 ", now)
        assert (village.name, village.path) == ("Tổ dân phố 1", "48/20242/to-dan-pho-1")
        assert village.slug == "hai-chau-to-dan-pho-1"
        assert units_below(session, hai_chau) == [village]
        assert len(units_below(session, city(session))) == 95


def test_a_village_needs_a_name_of_its_own(seeded: Database, now: datetime) -> None:
    with seeded.transaction() as session:
        hai_chau = unit_of_slug(session, "hai-chau")
        add_village(session, hai_chau, "Thôn 1", now)
        with pytest.raises(Refused, match="đã có"):
            add_village(session, hai_chau, "thôn 1", now)
        with pytest.raises(Refused, match="cần có chữ"):
            add_village(session, hai_chau, " ../ ", now)


def test_a_village_is_of_its_day_where_it_lies(seeded: Database, now: datetime) -> None:
    with seeded.transaction() as session:
        late = now.replace(hour=20)
        village = add_village(session, unit_of_slug(session, "hoang-sa"), "Thôn Đông", late)
        assert village.valid_from == (late + timedelta(hours=7)).date()


@pytest.mark.parametrize("words", ["hải châu", "HAI CHAU", "phuong hai chau", unicodedata.normalize("NFD", "Hải Châu")])
def test_a_commune_is_found_with_or_without_its_marks(seeded: Database, words: str) -> None:
    with seeded.reading() as session:
        assert search(session, words)[0].slug == "hai-chau"


def test_no_words_find_nothing(seeded: Database) -> None:
    with seeded.reading() as session:
        assert search(session, " %_ ") == []


@given(st.text(max_size=60))
def test_a_slug_is_plain_and_stays_itself(name: str) -> None:
    slug = slug_of(name)
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug)
    assert slug_of(slug) == slug


@given(st.sampled_from(["Đặc khu Hoàng Sa", "Xã Đại Lộc", "Phường Ngũ Hành Sơn", "Xã Trà Linh"]))
def test_a_slug_does_not_depend_on_how_marks_are_written(name: str) -> None:
    assert slug_of(unicodedata.normalize("NFD", name)) == slug_of(unicodedata.normalize("NFC", name))
