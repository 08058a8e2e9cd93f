"""What may be spent on a teacher, and what was."""

from collections.abc import Callable

import msgspec

from connectors import ServiceError
from connectors.completion import Answer


class BudgetReached(ServiceError):
    """Nothing more is asked; what came in until then is kept."""


class Budget(msgspec.Struct):
    """Limits of a run, None for no limit, and what it spent so far: `on_charge` may keep that, answer by answer."""

    max_tokens: int | None = None  # prompt and answer together
    max_cost: float | None = None
    spent_tokens: int = 0
    spent_cost: float = 0.0
    on_charge: Callable[[], None] = lambda: None
    currency: str = ""  # of the costs

    def charge(self, answer: Answer) -> None:
        self.spent_tokens += answer.prompt_tokens + answer.answer_tokens
        self.spent_cost += answer.cost
        self.on_charge()

    def check(self) -> None:
        """Raises BudgetReached; asked before each call, so that only calls in flight can go beyond."""
        for name, limit, spent, unit in [
            ("max_tokens", self.max_tokens, self.spent_tokens, ""),
            ("max_cost", self.max_cost, self.spent_cost, f" {self.currency}".rstrip()),
        ]:
            if limit is not None and spent >= limit:
                raise BudgetReached(
                    f"The budget is used up: {name} is {limit:.10g}{unit}, {spent:.10g}{unit} are spent; "
                    f"calls under way come on top. The answers so far are kept; raise {name} and run again to go on."
                )
