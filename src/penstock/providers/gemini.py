"""Google Gemini. https://ai.google.dev/api/generate-content (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.gemini_generate import GeminiGenerate


class Gemini(HTTPProvider):
    url = "https://aistudio.google.com"
    base_url = "https://generativelanguage.googleapis.com"
    api_key_env = "GEMINI_API_KEY|GOOGLE_API_KEY"
    protocol = GeminiGenerate()
    default_model, small_model = "gemini-flash-latest", "gemini-flash-lite-latest"
    embedding_model = "gemini-embedding-2"
