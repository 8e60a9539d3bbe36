"""The slow reference: every counted call is kept in a list, and each question adds them all up in fractions."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from flask_apiguard.quotas.counting import Demand


@dataclass
class Model:
    """What a counter must answer, as long as time does not run backwards. All times in milliseconds."""

    calls: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)

    def weight(self, demand: Demand, at: int) -> Fraction:
        """What weighs on a demand at a moment."""
        calls = self.calls.get(demand.key, [])
        if demand.ends:
            return Fraction(sum(cost for when, cost in calls if demand.ends - demand.window <= when))
        number = at // demand.window
        share = 1 - Fraction(at % demand.window, demand.window)
        current = sum(cost for when, cost in calls if when // demand.window == number)
        before = sum(cost for when, cost in calls if when // demand.window == number - 1)
        return current + before * share

    def fits(self, demand: Demand, at: int) -> bool:
        """Whether one demand could be counted."""
        return self.weight(demand, at) + demand.cost <= demand.amount

    def take(self, demands: list[Demand], at: int) -> list[bool]:
        """Count all or none; says of each whether it fits."""
        fits = [self.fits(demand, at) for demand in demands]
        if all(fits):
            for demand in demands:
                self.calls.setdefault(demand.key, []).append((at, demand.cost))
        return fits
