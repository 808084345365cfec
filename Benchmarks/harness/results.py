"""What came out: the samples of every contender, round by round, and the ratios between them."""

import dataclasses
import statistics
from collections.abc import Callable, Iterator

from .model import Contender, Step, Workload
from .trials import Trial


@dataclasses.dataclass
class Results:
    workloads: list[Workload]
    samples: dict[tuple[str, str, str], dict[int, Trial]] = dataclasses.field(default_factory=dict)
    """By workload, step and contender; then by round."""
    failures: list[str] = dataclasses.field(default_factory=list)

    def note(self, workload: Workload, step: str, contender: Contender, round: int, trial: Trial) -> None:
        self.samples.setdefault((workload.key, step, contender.name), {})[round] = trial

    def trials(self, workload: str, step: str, contender: str) -> list[Trial]:
        return list(self.samples.get((workload, step, contender), {}).values())

    def rows(self, workload: Workload, step: Step) -> Iterator[tuple[Contender, list[Trial]]]:
        for contender in workload.contenders:
            if found := self.trials(workload.key, step.name, contender.name):
                yield contender, found

    def ratio(self, workload: Workload, step: Step, contender: str, other: str) -> float | None:
        """The median of the ratios within each round: what the machine did meanwhile hits both sides of a ratio."""
        mine = self.samples.get((workload.key, step.name, contender), {})
        others = self.samples.get((workload.key, step.name, other), {})
        ratios = [step.figure.ratio(mine[round], others[round]) for round in mine if round in others]
        ratios = [ratio for ratio in ratios if ratio is not None]
        return statistics.median(ratios) if ratios else None

    def raw(self, workload: Workload, step: Step) -> str | None:
        names = [contender.name for contender, _ in self.rows(workload, step) if contender.kind == "raw"]
        return names[0] if names else None

    def best_rival(
        self, workload: Workload, step: Step, counts: Callable[[list[Trial]], bool] = lambda trials: True
    ) -> str | None:
        """- counts: whether a rival with these trials is asked about."""
        best = None
        for contender, trials in self.rows(workload, step):
            if contender.kind != "rival" or not counts(trials):
                continue
            value = median(step.figure.of(trial) for trial in trials)
            if not step.figure.more_is_better:
                value = -value
            if best is None or value > best[0]:
                best = (value, contender.name)
        return best[1] if best else None

    def find(self, key: str) -> Workload | None:
        return next((workload for workload in self.workloads if workload.key == key), None)


def median(values) -> float:
    return statistics.median(list(values))
