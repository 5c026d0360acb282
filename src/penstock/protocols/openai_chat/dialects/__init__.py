"""Dialects: OpenAI chat as one service or engine speaks it where it differs from OpenAI.

A dialect is a subclass of ``Dialect`` (dialect.py) in a file of its own, which says what differs
and where that is documented or recorded. A service without a difference needs none: the base
reads what every service was ever seen to send. Nothing is imported here, so that a provider loads
its own dialect alone.
"""
