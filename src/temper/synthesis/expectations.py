"""What is expected of every row, as Great Expectations' classes: the common ones, and ours for what nests in a row."""

from collections.abc import Collection
from math import log

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

TRUE = [True]
MISSED = 0.98
"""Share of a set's answers that have to parse: the teacher makes mistakes, and the judge misses a few."""
UNEVEN = 0.6
"""How far from equal the roles' shares may be: Kullback-Leibler divergence, of what one role alone would have."""


# Columns and bounds are set where a suite is made: a stored suite does not hold what is a class's default.
class ExpectRolesToAlternate(gxe.ExpectColumnValuesToBeInSet):
    """An optional system message, then user and assistant in turn, none of them empty."""


class ExpectAnswersToParse(gxe.ExpectColumnValuesToBeInSet):
    """Agents' answers are of their role's form; tool calls are JSON, known, and their arguments fit the schema."""


class ExpectAnswersToBeScored(gxe.ExpectColumnValuesToBeBetween):
    """An answer has tokens: without any, the loss mask would be empty."""


class ExpectPairsToDiffer(gxe.ExpectColumnValuesToBeInSet):
    """Chosen and rejected are not the same."""


class ExpectRolesToBeBalanced(gxe.ExpectColumnKLDivergenceToBeLessThan):
    """No role has nearly all the rows."""


def expectations(columns: Collection[str], roles: Collection[str], longest: int) -> list[Expectation]:
    """The suite of a set with these columns, rows of at most `longest` tokens, and these agent roles among its rows."""
    suite: list[Expectation] = [
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectColumnValuesToBeUnique(column="id"),
        gxe.ExpectColumnValuesToNotBeNull(column="role"),
        gxe.ExpectColumnValuesToNotBeNull(column="prompt"),
        gxe.ExpectColumnValuesToNotBeNull(column="answer"),
        gxe.ExpectColumnValuesToBeBetween(column="tokens", min_value=1, max_value=longest),
        ExpectRolesToAlternate(column="alternates", value_set=TRUE),
        ExpectAnswersToBeScored(column="answer_tokens", min_value=1),
        ExpectAnswersToParse(column="parses", value_set=TRUE, mostly=MISSED),
    ]
    if "differs" in columns:
        suite.append(ExpectPairsToDiffer(column="differs", value_set=TRUE))
    if len(roles) > 1:
        even = {"values": sorted(roles), "weights": [1 / len(roles)] * len(roles)}
        suite.append(ExpectRolesToBeBalanced(column="role", partition_object=even, threshold=UNEVEN * log(len(roles))))
    return suite
