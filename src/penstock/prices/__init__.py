"""What models are and cost: ``cost`` of a usage, and models ``described`` from public data.

charge.py    what a usage costs; counted.py reads what is charged, rates.py which prices hold
table.py     the rows, from snapshot.json or the user's newer copy; names.py whose row it is
described.py models with what the table says of them
sources.py   the table made from public data; genai.py and models_dev.py read it, amounts.py says
             which numbers in it can be meant, offered.py which rows anybody would choose
refresh.py   the user's own copy, from the network

Nothing of it is read before it is asked for.
"""

from __future__ import annotations

from penstock.prices.charge import Cost as Cost
from penstock.prices.charge import cost as cost
from penstock.prices.described import described as described
from penstock.prices.described import listed as listed
