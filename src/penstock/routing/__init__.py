"""Providers made of providers: who is asked, how often, and who next.

    Target     one provider, and the model that is asked there
    Retry      the same again, after a while, if nothing was said yet
    Fallback   one after the other, until one answers
    Balance    several as one, the question says which
    Hedge      a second where the first is slow to speak
    Breaker    none, for a while, after it failed too often
    Drain      to the end, though the caller has left
    Within     all of it within a deadline

They nest in any order: ``Fallback(Retry(Balance(a, b)), c)``. Each has its own state (a budget, a
circuit, times that were measured), shared by the copies that ``configured`` makes.
"""

from __future__ import annotations
