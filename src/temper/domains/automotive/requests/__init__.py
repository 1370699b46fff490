"""How the dealer's customers ask, by intent, split between training and test: one file a business.

A request that leaves a `{field}` out is one with missing information. No wording is in both splits.
"""

from temper.domains.automotive.requests import finance, sales, service

REQUESTS = sales.REQUESTS | finance.REQUESTS | service.REQUESTS
