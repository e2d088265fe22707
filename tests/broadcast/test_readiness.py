"""Sounds and approvals are looked at before air."""

from typing import Any


class TestSounds:
    """A missing or damaged file is an alarm before air and a fallback at air."""

    def test_a_missing_file_is_an_alarm_a_minute_before_air_and_is_missed(self, air: Any) -> None:
        programme = air.desk.approved("Mất tệp")
        air.desk.storage.rendition(programme.rendition_sha256).unlink()
        air.at("2026-11-22T17:30:00", programme)
        air.until(air.clock(22, "17:28:55"))
        assert air.playout.alarms == ()
        air.until(air.clock(22, "17:29:05"))
        assert [alarm.kind for alarm in air.playout.alarms] == ["sound_missing"]
        air.until(air.clock(22, "17:33:00"))
        assert air.as_run() == [("Mất tệp", "missed", "missing", 0)]
        assert air.episodes() == []
        assert air.playout.alarms == ()

    def test_a_damaged_file_is_missed_and_no_episode(self, air: Any) -> None:
        programme = air.desk.approved("Hỏng")
        air.desk.storage.rendition(programme.rendition_sha256).write_bytes(b"damaged")
        air.at("2026-11-22T17:30:00", programme)
        air.until(air.clock(22, "17:33:00"))
        assert air.as_run() == [("Hỏng", "missed", "missing", 0)]
        assert air.episodes() == []

    def test_an_alarm_tells_the_time_by_the_clock_of_the_unit(self, air: Any) -> None:
        programme = air.desk.approved("Mất tệp")
        air.desk.storage.rendition(programme.rendition_sha256).unlink()
        air.at("2026-11-22T17:30:00", programme)
        with air.desk.database.transaction() as session:
            session.merge(air.desk.city.hai_chau).timezone = "Asia/Tokyo"
        air.until(air.clock(22, "17:29:05"))
        assert [alarm.when for alarm in air.playout.alarms] == ["19:30 hôm nay"]

    def test_a_file_that_comes_back_before_air_ends_the_alarm(self, air: Any) -> None:
        programme = air.desk.approved()
        path = air.desk.storage.rendition(programme.rendition_sha256)
        content = path.read_bytes()
        path.write_bytes(b"damaged")
        air.at("2026-11-22T17:30:00", programme)
        air.until(air.clock(22, "17:29:05"))
        assert [alarm.kind for alarm in air.playout.alarms] == ["sound_damaged"]
        path.write_bytes(content)
        air.until(air.clock(22, "17:29:55"))
        assert air.playout.alarms == ()
