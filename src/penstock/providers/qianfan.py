"""Baidu Qianfan: ERNIE. https://cloud.baidu.com/doc/qianfan/s/rmh4stn9m (read 2026-11-21)"""

from penstock.http_provider import HTTPProvider
from penstock.protocols.embeddings.openai import OpenAIEmbeddings
from penstock.protocols.openai_chat import OpenAIChat


class Qianfan(HTTPProvider):
    url = "https://console.bce.baidu.com/qianfan"
    base_url = "https://qianfan.baidubce.com/v2"
    api_key_env = "QIANFAN_API_KEY"
    protocol = OpenAIChat()
    default_model, small_model = "ernie-5.1", "ernie-4.5-turbo-128k"
    embedding_model = "embedding-v1"
    embeddings = OpenAIEmbeddings(most=16)
