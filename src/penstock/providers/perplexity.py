"""Perplexity, which answers from the web where the tool ``web_search`` is given.
https://docs.perplexity.ai/docs/agent-api/openai-compatibility (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.embeddings.perplexity import PerplexityEmbeddings
from penstock.protocols.openai_responses import OpenAIResponses


class Perplexity(HTTPProvider):
    url = "https://www.perplexity.ai"
    base_url = "https://api.perplexity.ai/v1"
    api_key_env = "PERPLEXITY_API_KEY"
    protocol = OpenAIResponses()
    default_model = "perplexity/sonar"
    embedding_model = "pplx-embed-v1-0.6b"
    embeddings = PerplexityEmbeddings()
