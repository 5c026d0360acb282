"""Snowflake Cortex.

https://docs.snowflake.com/user-guide/snowflake-cortex/cortex-rest-api (read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import snowflake as dialect


class Snowflake(HTTPProvider):
    """Snowflake Cortex."""

    url = "https://app.snowflake.com"
    base_url = "https://{SNOWFLAKE_ACCOUNT}.snowflakecomputing.com/api/v2/cortex/v1"
    api_key_env = "SNOWFLAKE_CORTEX_PAT|SNOWFLAKE_PAT"
    protocol = dialect.Snowflake()
    default_model, small_model = "claude-sonnet-4-5", "claude-haiku-4-5"
    models = (
        "claude-sonnet-4-5",
        "claude-haiku-4-5",
        "claude-sonnet-4-6",
        "claude-opus-4-8",
        "openai-gpt-5.2",
        "openai-gpt-5.1",
        "openai-gpt-4.1",
        "gemini-3.1-pro",
    )
    answers_unasked = False
