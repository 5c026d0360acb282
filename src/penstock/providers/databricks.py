"""Databricks.

https://docs.databricks.com/aws/machine-learning/foundation-model-apis/api-reference
(read 2026-11-21)
"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.openai_chat.dialects import databricks as dialect


class Databricks(HTTPProvider):
    """Databricks: the models of one's own workspace."""

    url = "https://www.databricks.com"
    base_url = "{DATABRICKS_HOST}/serving-endpoints"
    api_key_env = "DATABRICKS_TOKEN"
    protocol = dialect.Databricks()
    default_model, small_model = "databricks-claude-sonnet-4-5", "databricks-gpt-oss-20b"
    embedding_model = "databricks-gte-large-en"
    answers_unasked = False
