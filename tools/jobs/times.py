"""Times in words: `every night at 2`, `weekdays at 7:30`, `first of the month` become cron expressions."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from tomllib import loads
from typing import Any
from zoneinfo import available_timezones

from tools.connectors.base import Frozen
from tools.errors import Invalid
from tools.jobs import cron

TOKEN = re.compile(
    r"\d{1,3}(?:[:.]\d{2})?(?:am|pm|a\.m\.?|p\.m\.?|h)?(?![\w])|\d{1,2}(?:st|nd|rd|th)\b|:\d{2}\b"
    r"|[^\W\d]+(?:/[^\W\d]+)*(?:['’]\w+)?(?:\.m\.?)?|[,&@-]",
    re.IGNORECASE,
)
CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(am|pm|a\.m\.?|p\.m\.?|h)?")
EXAMPLES = "`every night at 2`, `weekdays at 7:30`, `every 15 minutes`, `first of the month` or cron, `0 2 * * *`"
HALF_DAY = 12


class When(Frozen):
    """When something recurs."""

    cron: str
    timezone: str | None = None
    """The zone that was named with it."""


@lru_cache
def _words(language: str = "english") -> Mapping[str, Any]:
    return loads((files("tools.jobs") / f"times_{language}.toml").read_text(encoding="utf-8"))


@lru_cache
def _zones() -> Mapping[str, str]:
    return {name.lower(): name for name in available_timezones()} | {"utc": "UTC", "gmt": "UTC"}


def read_when(text: str) -> When:
    """Read a whole text as a recurring time, in words or as a cron expression; Invalid shows how to say it."""
    plain = text.strip().strip("`'\"").rstrip(".!")
    if re.fullmatch(r"(\S+\s+){4}\S+", plain) and re.match(r"[\d*]", plain):
        return When(cron=cron.check(plain))
    found = _Reader(plain).read(recurring=False)
    if found is None or plain[found[0] :].strip(" ,."):
        raise Invalid(f"Cannot tell when {text!r} is; say {EXAMPLES}.")
    return found[1]


def find_when(text: str) -> tuple[int, When] | None:
    """The recurring time that `text` begins with and where it ends, as long as possible; None when it begins with none.

    Invalid for a time that is understood and that no cron expression can keep: `every 45 minutes`.
    """
    raw = re.match(r"(?:[\d*][\d*/,\-]*\s+){2,4}[\d*][\w*/,#\-]*", text)
    if raw and len(raw.group().split()) == cron.FIELDS:
        return raw.end(), When(cron=cron.check(raw.group()))
    return _Reader(text).read(recurring=True)


@dataclass
class _Reader:
    """Reads one phrase; each piece that is found narrows when it comes."""

    text: str
    tokens: list[tuple[str, int]] = field(init=False)
    """Words, lower-case, and where each ends in the text."""
    unit: str = ""
    step: int = 1
    per_day: int = 0
    weekdays: str = ""
    month_days: list[str] = field(default_factory=list)
    months: list[int] = field(default_factory=list)
    part: Mapping[str, Any] = field(default_factory=dict)
    clocks: list[tuple[int, int, bool]] = field(default_factory=list)
    """Hour, minute, and whether the half of the day was said."""
    minute: int | None = None
    hours: tuple[int, int] | None = None
    zone: str | None = None
    recurs: bool = False

    def __post_init__(self) -> None:
        self.words = _words()
        self.tokens = []
        reached = 0
        for found in TOKEN.finditer(self.text):
            if self.text[reached : found.start()].strip():
                break  # something that is part of no time
            self.tokens.append((found.group().lower().replace("’", "'"), found.end()))
            reached = found.end()

    def read(self, *, recurring: bool) -> tuple[int, When] | None:
        """Where the phrase ends and when it comes."""
        at = end = 0
        while True:
            after = self._piece(at)
            if after is None:
                glued = self._glue(at)
                after = self._piece(glued) if glued > at else None
            if after is None:
                break
            at = end = after
        if end == 0 or (recurring and not self.recurs):
            return None
        return self.tokens[end - 1][1], When(cron=cron.check(self._cron()), timezone=self.zone)

    # Pieces: each gives the place after it, or None and nothing changed

    def _piece(self, at: int) -> int | None:
        pieces: Sequence[Callable[[int], int | None]] = (
            self._interval, self._times_per, self._day_of_month, self._week, self._span, self._clock, self._part,
            self._date, self._zone,
        )  # fmt: skip
        return next((after for piece in pieces if (after := piece(at)) is not None), None)

    def _word(self, at: int) -> str:
        return self.tokens[at][0] if at < len(self.tokens) else ""

    def _is(self, at: int, *kinds: str) -> bool:
        return any(self._word(at) in self.words["small"][kind] for kind in kinds)

    def _glue(self, at: int) -> int:
        while self._is(at, "and", "of", "article"):
            at += 1
        return at

    def _articles(self, at: int) -> int:
        return at + 1 if self._is(at, "article") else at

    def _number(self, at: int) -> int | None:
        word = self._word(at)
        return int(word) if word.isdecimal() else self.words["numbers"].get(word)

    def _unit(self, at: int) -> str:
        return next((unit for unit, names in self.words["units"].items() if self._word(at) in names), "")

    def _interval(self, at: int) -> int | None:
        if (unit := self.words["adverbs"].get(self._word(at))) is not None:
            return self._every(unit, 1, at + 1)
        if self._word(at) not in self.words["every"]["words"]:
            return None
        spot, step = at + 1, 1
        if self._word(spot) in self.words["every"]["half"] and self._unit(self._articles(spot + 1)) == "hour":
            return self._every("minute", 30, self._articles(spot + 1) + 1)
        if self._word(spot) in self.words["every"]["quarter"] and (
            self._unit(self._quarter_hour(spot)) == "hour"
        ):  # "every quarter of an hour"; "every quarter" alone is of a year
            return self._every("minute", 15, self._quarter_hour(spot) + 1)
        if self._word(spot) in self.words["every"]["other"] and self._unit(spot + 1):
            spot, step = spot + 1, 2
        elif (number := self._number(spot)) is not None:
            spot, step = spot + 1, number
        unit = self._unit(spot)
        return self._every(unit, step, spot + 1) if unit else None

    def _quarter_hour(self, at: int) -> int:
        return self._articles(at + 2 if self._is(at + 1, "of") else at + 1)

    def _every(self, unit: str, step: int, after: int) -> int | None:
        if self.unit and self.unit != "day":
            return None
        self.unit, self.step, self.recurs = unit, step, True
        return after

    def _times_per(self, at: int) -> int | None:
        count, after = self.words["times"].get(self._word(at)), at + 1
        if count is None and (number := self._number(at)) is not None and self._word(at + 1) == "times":
            count, after = number, at + 2
        if count is None:
            return None
        adverb = self.words["adverbs"].get(self._word(after), "")
        if not adverb:
            after = after + 1 if self._is(after, "article") or self._word(after) in ("per", "each", "every") else after
        unit = adverb or self._unit(after)
        if unit == "day" and count > 1:
            self.per_day = count
        elif unit == "hour" and count > 1:
            return self._every("minute", _evenly(60, count, "an hour"), after + 1)
        elif count != 1 or not unit:
            return None
        return self._every(unit, 1, after + 1)

    def _week(self, at: int) -> int | None:
        every = self._word(at) in self.words["every"]["words"]
        spot = at + 1 if every or self._word(at) == "on" else at
        if (group := self._group(spot)) is not None:
            self.weekdays, self.recurs = group[0], True
            return group[1]
        days: list[int] = []
        end = at
        while (day := self.words["days"].get(self._word(spot))) is not None:
            if self._is(spot + 1, "through") and (last := self.words["days"].get(self._word(spot + 2))) is not None:
                days.extend((day + more) % 7 for more in range((last - day) % 7 + 1))
                spot += 2
            else:
                days.append(day)
            end = spot = spot + 1
            while self._is(spot, "and") or self._word(spot) in (*self.words["every"]["words"], "on"):
                spot += 1
        if not days or self.weekdays:
            return None
        self.weekdays, self.recurs = _listed(days), True
        return end

    def _group(self, at: int) -> tuple[str, int] | None:
        if (one := self.words["groups"].get(self._word(at))) is not None:
            return one, at + 1
        two = self.words["group_phrases"].get(f"{self._word(at)} {self._word(at + 1)}")
        return None if two is None else (two, at + 2)

    def _day_of_month(self, at: int) -> int | None:
        spot = at + 1 if self._word(at) in ("on", *self.words["every"]["words"]) else at
        spot = self._articles(spot)
        day_word = self._word(spot) == "day" and self._word(spot + 1).isdecimal()
        ordinal = self._word(spot + 1) if day_word else self._ordinal(spot)
        if ordinal is None:
            return None
        spot += 2 if day_word else 1
        if not day_word and (weekday := self.words["days"].get(self._word(spot))) is not None:
            return self._nth_weekday(ordinal, weekday, spot + 1)
        found = [ordinal]
        spot = spot + 1 if self._word(spot) == "day" else spot
        while self._is(spot, "and") and (more := self._ordinal(self._articles(spot + 1))) is not None:
            found.append(more)
            spot = self._articles(spot + 1) + 1
        month = self._of_month(spot)
        if month is None and not re.match(r"\d", self._word(spot - 1)):
            return None  # "first" alone is no day
        self.month_days, self.recurs = found, True
        return spot if month is None else month

    def _nth_weekday(self, ordinal: str, weekday: int, at: int) -> int | None:
        end = self._of_month(at)
        if end is None:
            return None
        self.weekdays, self.recurs = f"L{weekday}" if ordinal == "L" else f"{weekday}#{ordinal}", True
        return end

    def _ordinal(self, at: int) -> str | None:
        word = self._word(at)
        if re.fullmatch(r"\d{1,2}(?:st|nd|rd|th)", word):
            return re.sub(r"\D", "", word)
        found = self.words["ordinals"].get(word)
        return None if found is None else str(found)

    def _of_month(self, at: int) -> int | None:
        """The place after `of the month`, `of each month` or `of january`."""
        spot = at + 1 if self._is(at, "of") else at
        while self._is(spot, "article") or self._word(spot) in self.words["every"]["words"]:
            spot += 1
        if self._unit(spot) == "month":
            return spot + 1
        month = self.words["months"].get(self._word(spot))
        if month is None:
            return None
        self.months.append(month)
        return spot + 1

    def _date(self, at: int) -> int | None:
        """`january 1st`, `1 january`; a month by name."""
        spot = at + 1 if self._word(at) in ("on", "in", *self.words["every"]["words"]) else at
        first, second = self._word(spot), self._word(spot + 1)
        months = self.words["months"]
        if first in months and (day := re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?", second)):
            month, number = months[first], day[1]
        elif second in months and first.isdecimal():
            month, number = months[second], first
        else:
            return None
        self.months, self.month_days, self.recurs = [month], [number], True
        return spot + 2

    def _part(self, at: int) -> int | None:
        every = self._word(at) in self.words["every"]["words"]
        spot = self._articles(at + 1) if every or self._word(at) in ("in", "at", "on") else at
        word = self._word(spot)
        found = self.words["parts"].get(word)
        if found is None:
            return None
        if every or word.endswith(("ly", "s")):
            self.recurs = True
        if spot == at and not self.recurs:
            return None  # "night" alone says nothing yet
        self.part = found
        return spot + 1

    def _span(self, at: int) -> int | None:
        """`between 9 and 17`, `from 8 to 18`."""
        if not self._is(at, "between"):
            return None
        first = self._time(at + 1)
        if first is None or not self._is(first[0], "and", "through"):
            return None
        last = self._time(first[0] + 1)
        if last is None:
            return None
        begin, finish = first[1][0], last[1][0]
        if finish <= begin and finish < HALF_DAY:
            finish += HALF_DAY  # "from 9 to 5"
        if not begin < finish < 24:
            raise Invalid(f"Cannot tell which hours are meant in {self.text!r}; say `between 9 and 17`.")
        # "between 9 and 17" ends at 17:00: the last of the hours that are counted through is the one before it.
        self.hours = (begin, finish)
        return last[0]

    def _clock(self, at: int) -> int | None:
        said = self._is(at, "at")
        spot = at + 1 if said else at
        if said and (minute := self._minute(spot)) is not None:
            self.minute = minute[1]
            return minute[0]
        found: list[tuple[int, int, bool]] = []
        end = at
        while (time := self._time(spot)) is not None:
            word = self._word(spot)
            # A bare number is an hour only where it begins the phrase: "4 every morning".
            if not said and not found and at > 0 and not (":" in word or "." in word or time[1][2]):
                break
            found.append(time[1])
            end = spot = time[0]
            if self._is(spot, "and"):
                spot += 2 if self._is(spot + 1, "at") else 1
            else:
                break
        if not found or self.clocks:
            return None
        self.clocks = found
        return end

    def _minute(self, at: int) -> tuple[int, int] | None:
        """`at minute 10`, `at :10`, `at 10 past` of every hour."""
        if re.fullmatch(r":\d{2}", self._word(at)):
            return at + 1, int(self._word(at)[1:])
        if self._unit(at) == "minute" and (number := self._number(at + 1)) is not None:
            return at + 2, number
        number = self._number(at)
        spot = at + 2 if self._unit(at + 1) == "minute" else at + 1
        if number is None or not self._is(spot, "past") or self._time(spot + 1) is not None:
            return None
        spot = self._articles(spot + 1)
        return (spot + 1 if self._unit(spot) == "hour" else spot), number

    def _time(self, at: int) -> tuple[int, tuple[int, int, bool]] | None:
        """A time of day, and where it ends."""
        word = self._word(at)
        if word in ("noon", "midday", "midnight"):
            return at + 1, (self.words["parts"][word]["hour"], 0, True)
        minutes = 30 if self._is(at, "half") else 15 if word == "quarter" else None
        if minutes is not None and self._is(at + 1, "past", "before") and (hour := self._number(at + 2)) is not None:
            late = self._is(at + 1, "before")
            return at + 3, ((hour - 1) % 24, 60 - minutes, False) if late else (hour, minutes, False)
        clock = CLOCK.fullmatch(word) or CLOCK.fullmatch(str(self._number(at) or ""))
        if clock is None:
            return None
        hour, minute, half = int(clock[1]), int(clock[2] or 0), clock[3] or ""
        after = at + 1
        if not half and self._is(after, "am", "pm", "clock"):
            half, after = self._word(after), after + 1
        if hour > 23 or minute > 59 or self._unit(after) in ("minute", "day", "week", "month"):
            return None
        afternoon, morning = half.startswith("p"), half.startswith("a")
        if (afternoon or morning) and hour <= HALF_DAY:
            hour = hour % HALF_DAY + (HALF_DAY if afternoon else 0)
        return after, (hour, minute, afternoon or morning or (":" in word and hour >= HALF_DAY))

    def _zone(self, at: int) -> int | None:
        spot = at + 1 if self._word(at) == "in" else at
        name = _zones().get(self._word(spot))
        if name is None or (spot == at and "/" not in name and name != "UTC"):
            return None
        self.zone = name
        return spot + 2 if self._word(spot + 1) == "time" else spot + 1

    # The pieces together

    def _cron(self) -> str:
        if self.unit == "minute":
            return self._each_minutes()
        if self.unit == "hour":
            return self._each_hours()
        minute, hour = self._at()
        days, months, weekdays = ",".join(self.month_days) or "*", ",".join(map(str, self.months)) or "*", self.weekdays
        if self.unit in ("day", ""):
            days = f"*/{self.step}" if self.step > 1 and days == "*" else days
        elif self.unit == "week":
            if self.step > 1:
                raise Invalid(f"Every {self.step} weeks is more than a calendar rule can say; take every week.")
            weekdays = weekdays or "1"
        elif not weekdays:
            days = days if self.month_days else "1"
        every = {"quarter": 3, "year": 12, "month": 1}.get(self.unit, 0) * self.step
        if every > 1 and not self.months:
            if 12 % every:
                raise Invalid(f"Every {every} months does not divide a year; take 2, 3, 4 or 6.")
            months = "1" if every == 12 else f"*/{every}"
        return f"{minute} {hour} {days} {months} {weekdays or '*'}"

    def _each_minutes(self) -> str:
        step = self.step
        if step >= 60 and step % 60 == 0:
            self.step = step // 60
            return self._each_hours()
        if step < 1 or 60 % step:
            raise Invalid(f"Every {step} minutes does not divide an hour; take 5, 10, 15, 20 or 30, or every hour.")
        minute = "*" if step == 1 else f"*/{step}"
        hours = f"{self.hours[0]}-{self.hours[1] - 1}" if self.hours else "*"
        return f"{minute} {hours} {','.join(self.month_days) or '*'} * {self.weekdays or '*'}"

    def _each_hours(self) -> str:
        if self.step < 1 or 24 % self.step:
            raise Invalid(f"Every {self.step} hours does not divide a day; take 2, 3, 4, 6, 8 or 12.")
        hours = f"{self.hours[0]}-{self.hours[1]}" if self.hours else "*"
        hours += f"/{self.step}" if self.step > 1 else ""
        return f"{self.minute or 0} {hours} {','.join(self.month_days) or '*'} * {self.weekdays or '*'}"

    def _at(self) -> tuple[int, str]:
        """Minute and hours of the day."""
        if not self.clocks:
            if self.per_day:
                return 0, f"*/{_evenly(24, self.per_day, 'a day')}"
            return 0, str(self.part.get("hour", self.words["usual_hour"]))
        minutes = {minute for _, minute, _ in self.clocks}
        if len(minutes) > 1:
            raise Invalid(f"{self.text!r} names times at different minutes; make one schedule for each.")
        early, late = self.part.get("late", (24, 24))
        hours = [
            hour + HALF_DAY if not said and early <= hour <= late < HALF_DAY else hour for hour, _, said in self.clocks
        ]
        return minutes.pop(), ",".join(map(str, sorted(set(hours))))


def _evenly(whole: int, count: int, of: str) -> int:
    if count < 1 or whole % count:
        raise Invalid(f"{count} times {of} is not even; name the times instead: `at 7, 12 and 19`.")
    return whole // count


def _listed(days: Sequence[int]) -> str:
    found = sorted(set(days))
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"{found[0]}-{found[-1]}"
    return ",".join(map(str, found))
