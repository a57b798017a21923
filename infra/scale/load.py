"""How much of each operation a number of users asks for: in a day, the busiest hour, the busiest second."""

from dataclasses import dataclass

from infra.scale import limits
from infra.scale.measured import Measured
from infra.scale.profile import Profile
from infra.scale.settings import Settings

DAYS = 30.4
"""Days in a month."""

STORE, BEGIN, FINISH = "store a message of one part", "begin a direct upload", "finish a direct upload"
FLAG, DELETE, COPY = "set a flag", "delete a message", "copy a message"
ADDRESS, SYNC = "get the address of a body", "sync of one change"
RING, PUSH, REST = "ring for one subscriber", "push one change", "look after a subscriber at rest"
RECLAIM, SWEEP = "reclaim a content", "a sweep that finds nothing"

_ASKED = (STORE, BEGIN, FLAG, DELETE, COPY, ADDRESS, SYNC)
_CHANGING = (STORE, FINISH, FLAG, DELETE, COPY)


@dataclass(frozen=True)
class Load:
    """Users of one store with its settings. Rates are those of all users together."""

    users: float
    profile: Profile
    measured: Measured
    settings: Settings

    @property
    def daily(self) -> dict[str, float]:
        """Operations of all users in a day. The sweep is left out: it runs however many users there are."""
        one = self.profile
        of_a_user = {
            STORE: one.messages - one.pictures,
            BEGIN: one.pictures,
            FINISH: one.pictures,
            FLAG: one.flags,
            DELETE: one.deletes,
            COPY: one.copies,
            ADDRESS: one.pictures * one.seen,
            SYNC: one.devices * one.syncs,
            RECLAIM: one.deletes,
        }
        changes = sum(of_a_user[name] for name in _CHANGING)
        # A subscriber at rest is checked at a random moment in the second half of `rest_seconds`.
        looks = one.subscribers * 86_400 / (0.75 * self.settings.rest_seconds)
        of_a_user |= {RING: changes, PUSH: changes * one.subscribers, REST: looks}
        return {name: self.users * count for name, count in of_a_user.items()}

    @property
    def requests(self) -> float:
        """Requests to the API in a day."""
        return self.sum_of(*_ASKED)

    def sum_of(self, *names: str) -> float:
        daily = self.daily
        return sum(daily[name] for name in names)

    def hourly(self, a_day: float) -> float:
        """The mean per second in the busiest hour, which a queue or the stream has to carry."""
        return a_day * self.profile.busy_hour / 3600

    def rush(self, a_day: float) -> float:
        """The rate in the busiest second, which has to be answered at once."""
        return self.hourly(a_day) * self.profile.rush

    def units(self, kind: str) -> float:
        """Units in a day; `kind` is `read_units`, `write_units`, `local_units` or `global_units`."""
        return sum(count * float(getattr(self.measured.of(name), kind)) for name, count in self.daily.items())

    @property
    def due_writes(self) -> float:
        """Units in a day, of the kind of work that writes the index `by-due` most."""
        kinds = ((STORE,), (BEGIN, FINISH), (DELETE, RECLAIM), (REST,))
        daily = self.daily
        return max(sum(daily[name] * self.measured.of(name).global_units for name in kind) for kind in kinds)

    @property
    def partitions(self) -> float:
        """A young table's partitions, and so the stream's shards: what its writes need, at least four."""
        new = limits.value("new table writes") / limits.value("partition writes")
        writes = self.rush(self.units("write_units") + self.units("local_units"))
        return max(new, writes / limits.value("partition writes"))

    @property
    def api_at_once(self) -> float:
        return self.rush(self.requests) * self.profile.api_seconds

    @property
    def at_once(self) -> float:
        """Invocations that run at the same time in the busiest second."""
        one = self.profile
        pushed = min(
            self.settings.deliveries_at_once, self.hourly(self.sum_of(PUSH, REST)) * one.push_seconds
        )
        rung = self.hourly(self.sum_of(RING)) * one.ring_seconds
        others = self.hourly(self.sum_of(FINISH, RECLAIM)) * one.other_seconds
        return self.api_at_once + pushed + rung + others + 1
