"""The book of the home's condition: since when, what is news, and its bounds."""

from __future__ import annotations

from datetime import timedelta

from gateway.condition import Condition
from telekol.health import DEVICES_MOST, TROUBLES_MOST, RadioState, TroubleCode
from tests.gateway.conftest import NOW

LATER = NOW + timedelta(hours=1)


class News:
    """Counts what the book calls news."""

    def __init__(self) -> None:
        self.count = 0
        self.book = Condition(self)

    def __call__(self) -> None:
        self.count += 1


def test_a_trouble_keeps_its_first_since_until_it_is_cleared() -> None:
    news = News()
    for at, detail in ((NOW, "first"), (LATER, "second")):
        news.book.raise_trouble(TroubleCode.BOND_LOST, "C0", detail, at)
    (trouble,) = news.book.troubles
    assert (trouble.since, trouble.detail, news.count) == (NOW, "second", 1)
    news.book.clear(TroubleCode.BOND_LOST)  # the gateway's own, which was never raised
    assert news.book.troubles
    assert news.count == 1
    news.book.clear(TroubleCode.BOND_LOST, "C0")
    assert not news.book.troubles
    assert news.count == 2
    news.book.raise_trouble(TroubleCode.BOND_LOST, "C0", "", LATER)
    assert news.book.troubles[0].since == LATER


def test_that_a_device_was_heard_again_is_no_news_but_its_battery_is() -> None:
    news = News()
    news.book.note_device("C0", model="M", heard_at=NOW)
    news.book.note_device("C0", heard_at=LATER)
    assert news.count == 1
    news.book.note_device("C0", battery_pct=140)
    assert news.count == 2
    (device,) = news.book.snapshot().devices
    assert (device.model, device.battery_pct, device.last_heard_at) == ("M", 100, LATER)


def test_the_radio_keeps_its_since_and_talking_is_no_news() -> None:
    news = News()
    news.book.set_radio(RadioState.LISTENING, NOW)
    news.book.set_radio(RadioState.LISTENING, LATER)
    radio = news.book.snapshot().radio
    assert radio is not None
    assert (radio.since, news.count) == (NOW, 1)
    news.book.set_radio(RadioState.TALKING, LATER)
    assert news.count == 1
    news.book.set_radio(RadioState.BLIND, LATER)
    assert news.count == 2


def test_a_clock_that_is_trusted_again_is_news() -> None:
    news = News()
    for trusted in (False, False, True):
        news.book.set_clock(trusted, "why")
    assert news.count == 2


def test_the_book_is_bounded_and_the_gateways_own_trouble_always_gets_in() -> None:
    book = Condition()
    for number in range(2 * DEVICES_MOST):
        book.note_device(f"D{number}", heard_at=NOW)
    assert len(book.snapshot().devices) == DEVICES_MOST
    assert f"D{2 * DEVICES_MOST - 1}" in {item.address for item in book.snapshot().devices}
    for number in range(2 * TROUBLES_MOST):
        book.raise_trouble(TroubleCode.DEVICE_UNREACHABLE, f"D{number}", "", NOW)
    book.raise_trouble(TroubleCode.DISK_FULL, None, "", LATER)
    assert len(book.troubles) == TROUBLES_MOST
    assert book.troubles[-1].code == "disk-full"
    assert book.troubles[0].device is not None


def test_what_a_device_says_of_itself_is_made_to_fit() -> None:
    book = Condition()
    book.note_device("C0", model="x\x00" * 100)
    book.raise_trouble(TroubleCode.BOND_LOST, "C" * 200, "a\nb" * 200, NOW)
    assert len(book.snapshot().devices[0].model) == 64
    assert len(book.troubles[0].detail) == 160
    book.clear(TroubleCode.BOND_LOST, "C" * 200)
    assert not book.troubles


def test_a_trouble_that_passed_before_it_was_told_is_told_once() -> None:
    """One packet that could not be read, and the next was right: support never heard of it."""
    news = News()
    news.book.raise_trouble(TroubleCode.UNREADABLE_MEASUREMENT, "C0", "cut short", NOW)
    news.book.clear(TroubleCode.UNREADABLE_MEASUREMENT, "C0")
    assert not news.book.troubles
    report = news.book.report()
    assert [trouble.code for trouble in report.troubles] == ["unreadable-measurement"]
    assert not news.book.report().troubles


def test_a_trouble_that_was_told_is_over_when_it_is_over() -> None:
    news = News()
    news.book.raise_trouble(TroubleCode.BOND_LOST, "C0", "", NOW)
    assert news.book.report().troubles
    news.book.clear(TroubleCode.BOND_LOST, "C0")
    assert not news.book.report().troubles


def test_a_trouble_that_came_and_went_many_times_is_told_as_one() -> None:
    news = News()
    for _ in range(3):
        news.book.raise_trouble(TroubleCode.BOND_LOST, "C0", "", NOW)
        news.book.clear(TroubleCode.BOND_LOST, "C0")
    news.book.raise_trouble(TroubleCode.BOND_LOST, "C0", "again", LATER)
    (trouble,) = news.book.report().troubles
    assert (trouble.since, trouble.detail) == (LATER, "again")


def test_what_passed_untold_is_bounded_too() -> None:
    book = Condition()
    for number in range(3 * TROUBLES_MOST):
        book.raise_trouble(TroubleCode.BOND_LOST, f"C{number}", "", NOW)
        book.clear(TroubleCode.BOND_LOST, f"C{number}")
    book.raise_trouble(TroubleCode.DISK_FULL, None, "", LATER)
    report = book.report()
    assert len(report.troubles) <= TROUBLES_MOST
    assert "disk-full" in [trouble.code for trouble in report.troubles]
