"""Dates as Ruby reads them, and times as Rails writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache

MAX_BYTES = 128

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
_JAPANESE_ERAS = {"m": 1867, "t": 1911, "s": 1925, "h": 1988, "r": 2018}
_PIVOT_YEAR = 69

# What a text says of its date: `year`, `mon`, `mday`, `yday`, `cwyear`, `cweek`,
# `cwday`, `wday`; of a time only that it has `hour`, `min`, `sec`; `bc`; and
# `full_year` when the year lacks no century.
_Parts = dict[str, int]
_Form = tuple[str, Callable[[re.Match[str]], _Parts]]


def parse_date(text: str, today: date | None = None) -> date:
    """Read a date with the leniency of Ruby 3.1's `Date.parse`.

    What surrounds a date is ignored; what lacks in one comes from today.

    Args:
        text: For instance `2021-06-13`, `13/06/2021`, `13 Jun 2021`, `20210613`,
            `2021-06-13T10:00:00Z`, `2021-W23-7`, `jun` or `friday`.
        today: The date to complete from; None: that of now in UTC.

    Raises:
        ValueError: Ruby would not read it, or the year is not within 1 to 9999.

    Source: Ruby's `ext/date/date_parse.c` and `ext/date/date_core.c`.
    """
    if len(text.encode()) > MAX_BYTES:
        message = f"string length exceeds the limit {MAX_BYTES}"
        raise ValueError(message)
    try:
        parts = _with_century(_parts(_IGNORED.sub(" ", text)))
        return _complete(parts, today or datetime.now(UTC).date())
    except (KeyError, OverflowError) as error:
        message = "invalid date"
        raise ValueError(message) from error


def iso_time(moment: datetime) -> str:
    """Write a time as Rails does: UTC, with milliseconds and `Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def _parts(text: str) -> _Parts:
    """Take the weekday, the time and the first form that fits out of the text."""
    parts: _Parts = {}
    for forms in ((_WEEKDAY,), (_TIME,), _DATES, (_BEFORE_CHRIST,)):
        for source, read in forms:
            if match := _pattern(source).search(text):
                parts |= read(match)
                text = f"{text[: match.start()]} {text[match.end() :]}"
                break
    if "hour" in parts and "mday" not in parts and (match := _LONE_DAY.match(text)):
        parts["mday"] = int(match[1])
    return parts


def _with_century(parts: _Parts) -> _Parts:
    for name in parts.keys() & {"year", "cwyear"}:
        year = 1 - parts[name] if "bc" in parts else parts[name]
        if "full_year" not in parts and year in range(100):
            year += 1900 if year >= _PIVOT_YEAR else 2000
        parts[name] = year
    return parts


def _complete(parts: _Parts, today: date) -> date:
    """Make the kind of date of which most was said, the first of equals."""
    kind = max(_KINDS, key=lambda kind: len(parts.keys() & _KINDS[kind]))
    return kind(parts, today)


def _ordinal(parts: _Parts, today: date) -> date:
    if not parts.keys() & {"year", "yday"}:
        raise KeyError
    year = parts.get("year", today.year)
    found = date(year, 1, 1) + timedelta(parts.get("yday", 1) - 1)
    if found.year != year:
        raise KeyError
    return found


def _civil(parts: _Parts, today: date) -> date:
    month = 1 if "year" in parts else today.month
    return date(
        parts.get("year", today.year), parts.get("mon", month), parts.get("mday", 1)
    )


def _commercial(parts: _Parts, today: date) -> date:
    this_year, this_week, _ = today.isocalendar()
    week = 1 if "cwyear" in parts else this_week
    return date.fromisocalendar(
        parts.get("cwyear", this_year), parts.get("cweek", week), parts.get("cwday", 1)
    )


def _weekday(parts: _Parts, today: date) -> date:
    if "sec" in parts:  # Ruby takes a weekday with a full time for complete.
        raise KeyError
    return today + timedelta(parts["wday"] - today.isoweekday() % 7)


def _weekday_of_first_week(parts: _Parts, _today: date) -> date:
    new_year = date(parts["year"], 1, 1)
    first_sunday = new_year + timedelta(-new_year.isoweekday() % 7)
    found = first_sunday + timedelta(parts["wday"] - 7)
    if found < new_year:
        raise KeyError
    return found


def _weekday_of_week(parts: _Parts, _today: date) -> date:
    return date.fromisocalendar(parts["cwyear"], parts["cweek"], parts["wday"] or 7)


_KINDS: dict[Callable[[_Parts, date], date], set[str]] = {
    _ordinal: {"year", "yday"},
    _civil: {"year", "mon", "mday"},
    _commercial: {"cwyear", "cweek", "cwday"},
    _weekday: {"wday"},
    _weekday_of_first_week: {"year", "wday"},
    _weekday_of_week: {"cwyear", "cweek", "wday"},
}


def _read_numbers(match: re.Match[str]) -> _Parts:
    return {name: int(text) for name, text in match.groupdict().items() if text}


def _read_weekday(match: re.Match[str]) -> _Parts:
    return {"wday": _DAYS.index(match[1].lower())}


def _read_month(match: re.Match[str]) -> _Parts:
    return {"mon": _MONTHS.index(match[1].lower()) + 1}


def _read_time(match: re.Match[str]) -> _Parts:
    return dict.fromkeys(("hour", "min", "sec")[: len(_NUMBER.findall(match[1]))], 0)


def _read_before_christ(_match: re.Match[str]) -> _Parts:
    return {"bc": 1}


def _read_japanese(match: re.Match[str]) -> _Parts:
    era, year, month, day = match.groups()
    start = _JAPANESE_ERAS[era.lower()]
    return {"year": start + int(year), "mon": int(month), "mday": int(day)}


def _read_civil(match: re.Match[str]) -> _Parts:
    texts = match.groupdict()
    if name := texts.get("name"):
        texts["mon"] = str(_MONTHS.index(name.lower()) + 1)
    year, month, day = _sort(texts["year"], texts["mon"], texts["mday"])
    parts: _Parts = {}
    if year and (number := _SIGNED_NUMBER.search(year)):
        parts["year"] = int(number[0])
        if _FULL_YEAR.match(number[0]):
            parts["full_year"] = 1
    for part, text in (("mon", month), ("mday", day)):
        if text and (number := _NUMBER.search(text)):
            parts[part] = int(number[0])
    if (texts.get("era") or "").lower().startswith("b"):
        parts["bc"] = 1
    return parts


def _sort(
    year: str | None, month: str | None, day: str | None
) -> tuple[str | None, str | None, str | None]:
    """Find the year among three texts: it has an apostrophe or is the longest."""
    if year and month and day is None:
        year, month, day = None, year, month
    if year is None and day and _LIKE_YEAR.match(day):
        year, day = day, None
    if year and (number := _NUMBER_AND_MORE.search(year)):
        year, day = day, number[1]
    if month and _LIKE_YEAR.match(month):
        year, month, day = month, day, year
    if day and _LIKE_YEAR.match(day):
        year, day = day, year
    return year, month, day


def _read_digits(match: re.Match[str]) -> _Parts:
    """Read digits without separators: a date and a time; a fraction ends a time."""
    sign, digits, time, fraction = match.groups()
    if time is None and fraction is not None:
        digits = digits[:-6] if len(digits) in {7, 8, 10, 12, 14} else ""
    elif len(digits) in {10, 12, 14}:
        digits = digits[:8]
    parts = {}
    for name, start, end in _LAYOUTS.get(len(digits), ()):
        parts[name] = int(digits[start:end])
    if sign == "-" and "year" in parts:
        parts["year"] = -parts["year"]
    return parts


# By number of digits.
_LAYOUTS = {
    1: (("mday", 0, 1),),
    2: (("mday", 0, 2),),
    3: (("yday", 0, 3),),
    4: (("mon", 0, 2), ("mday", 2, 4)),
    5: (("year", 0, 2), ("yday", 2, 5)),
    6: (("year", 0, 2), ("mon", 2, 4), ("mday", 4, 6)),
    7: (("year", 0, 4), ("yday", 4, 7)),
    8: (("full_year", 0, 4), ("year", 0, 4), ("mon", 4, 6), ("mday", 6, 8)),
}


@cache
def _pattern(source: str) -> re.Pattern[str]:
    """Compile a pattern, with the first date; as in Ruby, digits are those of ASCII."""
    for name, choices in (
        ("DAY", "|".join(_DAYS)),
        ("MONTH", "|".join(_MONTHS)),
        ("ERA", r"c(?:e|\.e\.)|b(?:ce|\.c\.e\.)|a(?:d|\.d\.)|b(?:c|\.c\.)"),
        (r"\d", "[0-9]"),
    ):
        source = source.replace(name, choices)
    return re.compile(source, re.IGNORECASE)


_IGNORED = re.compile(r"(?:[^-+',./:@\w\[\]]|_)+")
_NUMBER = re.compile("[0-9]+")
_SIGNED_NUMBER = re.compile("[-+]?[0-9]+")
_NUMBER_AND_MORE = re.compile("([-+]?[0-9]+)[^0-9]")
_LIKE_YEAR = re.compile("'|...")
_FULL_YEAR = re.compile("[-+]|[0-9]{3}")
_LONE_DAY = re.compile(" *(0?[1-9]|[12][0-9]|3[01]) *$")

_WEEKDAY: _Form = (r"\b(DAY)[^-/0-9 ]*", _read_weekday)
_TIME: _Form = (
    (
        r"((?:\d+ *: *\d+(?: *: *\d+(?:[,.]\d*)?)?|\d+ *h(?: *\d+m?(?: *\d+s?)?)?)"
        r"(?: *[ap](?:m\b|\.m\.))?|\d+ *[ap](?:m\b|\.m\.))"
        r"(?: *(?:(?:gmt|utc?)?[-+]\d+(?:[,.:]\d+(?::\d+)?)?"
        r"|(?:[^\W0-9_]|[. ])+(?:standard|daylight) time\b|[^\W0-9_]+(?: dst)?\b))?"
    ),
    _read_time,
)
_BEFORE_CHRIST: _Form = (
    r"\b(?:bc\b|bce\b|b\.c\.|b\.c\.e\.)",
    _read_before_christ,
)
_DATES: tuple[_Form, ...] = (
    (  # 13th Jun 2021
        (
            r"(?P<mday>'?\d+)[^-0-9 ]* *(?P<name>MONTH)[^-0-9 ']*"
            r"(?: *(?P<era>ERA)? *(?P<year>'?-?\d+(?:(?:st|nd|rd|th)\b)?))?"
        ),
        _read_civil,
    ),
    (  # June 13, 2021
        (
            r"\b(?P<name>MONTH)[^-0-9 ']* *(?P<mday>'?\d+)[^-0-9 ']*"
            r"(?: *,? *(?P<era>ERA)? *(?P<year>'?-?\d+))?"
        ),
        _read_civil,
    ),
    # 2021-06-13
    (r"(?P<year>'?[-+]?\d+)-(?P<mon>\d+)-(?P<mday>'?-?\d+)", _read_civil),
    # H31.04.30
    (r"\b([mtshr])(\d+)\.(\d+)\.(\d+)", _read_japanese),
    # 13-Jun-2021, Jun-13-2021
    (r"(?P<mday>'?-?\d+)-(?P<name>MONTH)[^-/.]*-(?P<year>'?-?\d+)", _read_civil),
    (
        r"\b(?P<name>MONTH)[^-/.]*-(?P<mday>'?-?\d+)(?:-(?P<year>'?-?\d+))?",
        _read_civil,
    ),
    # 2021/06/13, 2021.06.13; _sort finds the year of 13/06/2021
    (
        r"(?P<year>'?-?\d+)/ *(?P<mon>'?\d+)(?:[^0-9] *(?P<mday>'?-?\d+))?",
        _read_civil,
    ),
    (r"(?P<year>'?-?\d+)\. *(?P<mon>'?\d+)\. *(?P<mday>'?-?\d+)", _read_civil),
    # 2021-W23-7, -W-7, --06-13, --0613, 2021-164, -164
    (
        r"\b(?P<cwyear>\d{2}|\d{4})?-?w(?P<cweek>\d{2})(?:-?(?P<cwday>\d))?\b",
        _read_numbers,
    ),
    (r"-w-(?P<cwday>\d)\b", _read_numbers),
    (r"--(?P<mon>\d{2})?-(?P<mday>\d{2})\b", _read_numbers),
    (r"--(?P<mon>\d{2})(?P<mday>\d{2})?\b", _read_numbers),
    (
        (
            r"^(?!.*[,.](?:\d{2}|\d{4})-\d{3}\b).*?"
            r"\b(?P<year>\d{2}|\d{4})-(?P<yday>\d{3})\b"
        ),
        _read_numbers,
    ),
    (r"^(?!.*\d-\d{3}\b).*?\b-(?P<yday>\d{3})\b", _read_numbers),
    # '21, June, 13th
    (r"'(?P<year>\d+)\b", _read_numbers),
    (r"\b(MONTH)[^ ]*", _read_month),
    (r"(?P<mday>\d+)(?:st|nd|rd|th)\b", _read_numbers),
    (  # 20210613T100000Z
        (
            r"([-+]?)(\d{2,14})(?: *t? *(\d{2,6})?(?:[,.](\d*))?)?"
            r"(?: *(?:z\b|[-+]\d{1,4}\b|\[[-+]?\d[^]]*\]))?"
        ),
        _read_digits,
    ),
)
