"""Dates are read as Ruby's `Date.parse` reads them."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from internal_api.dates import iso_time, parse_date

FRIDAY = date(2023, 3, 17)

# As Ruby 3.1 answers on that Friday.
READ = {
    "2023-01-05": "2023-01-05",
    "20230105": "2023-01-05",
    "2023-1-5": "2023-01-05",
    "2023/01/02": "2023-01-02",
    "1/2/2023": "2023-02-01",
    "13/06/2021": "2021-06-13",
    "01/01/2018": "2018-01-01",
    "5 Jan 2023": "2023-01-05",
    "13 Jun 2021": "2021-06-13",
    "13th June 2021": "2021-06-13",
    "June 13, 2021": "2021-06-13",
    "Jun-13-2021": "2021-06-13",
    "13-Jun-2021": "2021-06-13",
    "Sat Aug 28 02:55:50 1999": "1999-08-28",
    "Thu, 01 Jan 1970 00:00:00 GMT": "1970-01-01",
    "2023-01-02T10:00:00Z": "2023-01-02",
    "2023-01-02T23:30:00-05:00": "2023-01-02",
    "20230102T100000Z": "2023-01-02",
    "2023-01-05 and more": "2023-01-05",
    "  2023-01-05\n": "2023-01-05",
    "2023.01.05": "2023-01-05",
    "9001-11-17": "9001-11-17",
    "0001-02-03": "0001-02-03",
    "21-06-13": "2021-06-13",
    "70-06-13": "1970-06-13",
    "230105": "2023-01-05",
    "2023005": "2023-01-05",
    "23005": "2023-01-05",
    "2023-005": "2023-01-05",
    "2024-366": "2024-12-31",
    "-005": "2023-01-05",
    "20230105102030": "2023-01-05",
    "20230105102030.5": "2023-01-05",
    "2023-W01-1": "2023-01-02",
    "2023-W01": "2023-01-02",
    "2023-W01 fri": "2023-01-06",
    "W05": "2023-01-30",
    "-w-3": "2023-03-15",
    "H31.04.30": "2019-04-30",
    "R01.05.01": "2019-05-01",
    "'21": "2021-01-01",
    "3rd '21 Feb": "2021-02-01",
    "3 Jun 21st": "2003-06-21",
    "13/2021/06": "2021-06-13",
    "1 Jan 0 BC": "2001-01-01",
    "1 Jan BC 1": "2000-01-01",
    "jan": "2023-01-01",
    "Jan 2021": "2021-01-01",
    "friday": "2023-03-17",
    "sun": "2023-03-12",
    "Saturday 10:20": "2023-03-18",
    "mon '24": "2024-01-01",
    "sun '23": None,
    "fri '99": "1999-01-01",
    "0105": "2023-01-05",
    "12": "2023-03-12",
    "21st": "2023-03-21",
    "12:00 5": "2023-03-05",
    "--06-13": "2023-06-13",
    "--0613": "2023-06-13",
    "06/13": "2023-06-13",
    "2023-02-30": None,
    "2023-02-29": None,
    "2023-366": None,
    "2023-13-01": None,
    "06/13/2021": None,
    "2023": None,
    "2023-01": None,
    "5": None,
    "99": None,
    "tomorrow": None,
    "foo": None,
    "": None,
    "   ": None,
    "10:20": None,
    "friday 10:20:30": None,
    "1672531200": None,
    "1672531200.5": None,
    "2023-W54-1": None,
    "W05 fri": None,
    "\u0662\u0660\u0662\u0663-\u0660\u0661-\u0660\u0665": None,
    "\u017fep 5": None,
    "0000-01-01": None,
    "-20230105": None,
    "10000-01-01": None,
    "9" * 100 + "-01-01": None,
    "2023-01-05" + " " * 118: "2023-01-05",
    "2023-01-05" + " " * 119: None,
    "2023-01-05" + "é" * 60: None,
}


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_date_is_read_as_ruby_reads_it(text: str, expected: str | None) -> None:
    """Every form that Ruby reads gives Ruby's date; what it refuses is refused."""
    try:
        read = parse_date(text, FRIDAY).isoformat()
    except ValueError:
        read = None
    assert read == expected


@given(st.dates(), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%d %b %Y"]))
def test_date_written_in_full_does_not_depend_on_today(day: date, form: str) -> None:
    """A date with day, month and year comes back whatever the day is."""
    text = day.strftime(form.replace("%Y", f"{day.year:04}"))
    assert parse_date(text, FRIDAY) == parse_date(text) == day


@given(
    st.one_of(
        st.text(max_size=40),
        st.from_regex(r"[-+'/.,: \d]{1,20}", fullmatch=True),
        st.lists(
            st.sampled_from(
                [
                    *("jan", "Sun", "w05", "t", "z", "am", "bc", "st", "h", "'", "-"),
                    *("/", ".", ":", " ", "5", "31", "99", "2023", "20230105", "'99"),
                ]
            )
        ).map("".join),
    ),
    st.dates(),
)
def test_any_text_is_a_date_or_a_value_error(text: str, today: date) -> None:
    """Whatever the text and the day, nothing but a ValueError comes up."""
    with suppress(ValueError):
        assert isinstance(parse_date(text, today), date)


@given(st.dates(), st.sampled_from(["sunday", "mon", "TUE", "friday!"]))
def test_weekday_is_of_the_week_that_began_on_sunday(today: date, text: str) -> None:
    """A weekday alone is within the current week, which starts on Sunday."""
    sunday = today.toordinal() - today.isoweekday() % 7
    number = ["sun", "mon", "tue", "wed", "thu", "fri"].index(text[:3].lower())
    try:
        assert parse_date(text, today).toordinal() == sunday + number
    except ValueError:
        assert sunday < 1 or sunday + number > date.max.toordinal()


def test_time_is_written_in_utc_with_milliseconds() -> None:
    """A time of any zone is written as Rails writes it."""
    moment = datetime(2019, 6, 27, 17, 29, 2, 219_999, timezone(timedelta(hours=2)))
    assert iso_time(moment) == "2019-06-27T15:29:02.219Z"
    assert iso_time(datetime(2019, 6, 27, tzinfo=UTC)) == "2019-06-27T00:00:00.000Z"
