"""A way out to a language model: Ollama, or whatever speaks the chat completions of OpenAI. Asks once, or says why not.

What comes back is text that nobody has believed in anything yet: see `investigations.assistant.answers`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from connectors.errors import Refused, SourceUnavailable
from connectors.http import Client, Endpoint
from investigations.assistant.prompt import Prompt, Reply

MOST_BYTES = 1024 * 1024  # of an answer; a model that goes on for ever ends there
PER_SECOND = 1.0
CHARACTERS_A_TOKEN = 2.5  # of JSON with times and ids, on the safe side
STEP = 1024  # a context grows by; the model is loaded anew for each size
_NOT_UNDERSTOOD = {400, 422}


def ask_model(prompt: Prompt) -> Reply:
    """Ask the language model that the settings name.

    Raises:
        Misconfigured: the address or the key is refused, by us or by who answers there.
        SourceUnavailable: nobody answers, not in time, or not as the protocol says.
    """
    return _PROTOCOLS[settings.ASSISTANT_PROTOCOL](_client(), prompt)


def _client() -> Client:
    key = settings.ASSISTANT_KEY
    return Client(
        Endpoint(
            url=settings.ASSISTANT_URL,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            requests_per_second=PER_SECOND,
            seconds=settings.ASSISTANT_TIMEOUT,
            most_bytes=MOST_BYTES,
        )
    )


def _messages(prompt: Prompt) -> list[dict[str, str]]:
    return [{"role": "system", "content": prompt.rules}, {"role": "user", "content": prompt.data}]


def _by_ollama(client: Client, prompt: Prompt) -> Reply:
    """Ask by Ollama's own protocol, the one in which the size of the context can be told.

    Left to itself Ollama cuts the beginning off what is longer than its default, without a word.
    """
    letters = len(prompt.rules) + len(prompt.data)
    tokens = int(letters / CHARACTERS_A_TOKEN) + settings.ASSISTANT_ANSWER_TOKENS
    body = {
        "model": settings.ASSISTANT_MODEL,
        "messages": _messages(prompt),
        "stream": False,
        "format": prompt.schema,
        "options": {
            "temperature": 0,
            "num_ctx": -(-tokens // STEP) * STEP,
            "num_predict": settings.ASSISTANT_ANSWER_TOKENS,
        },
    }
    answer = client.post("/api/chat", json=body).json()
    return _reply(answer, _at(answer, "message"))


def _by_openai(client: Client, prompt: Prompt) -> Reply:
    """Ask by chat completions. A server that does not know the schema, or a bound, is asked again without."""
    path = "/chat/completions" if settings.ASSISTANT_URL.endswith("/v1") else "/v1/chat/completions"
    plain = {"model": settings.ASSISTANT_MODEL, "messages": _messages(prompt), "stream": False}
    shape = {"name": "draft", "strict": True, "schema": prompt.schema}
    bounded = {
        "temperature": 0,
        "max_tokens": settings.ASSISTANT_ANSWER_TOKENS,
        "response_format": {"type": "json_schema", "json_schema": shape},
    }
    try:
        answer = client.post(path, json=plain | bounded).json()
    except Refused as problem:
        if problem.answered not in _NOT_UNDERSTOOD:
            raise
        answer = client.post(path, json=plain).json()
    choices = _at(answer, "choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return _reply(answer, _at(first, "message"))


def _reply(answer: Any, message: Any) -> Reply:
    content, model = _at(message, "content"), _at(answer, "model")
    if not isinstance(content, str):
        raise SourceUnavailable("The language model's server did not answer as its protocol says.")
    return Reply(text=content, model=model if isinstance(model, str) and model else settings.ASSISTANT_MODEL)


def _at(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


_PROTOCOLS: Mapping[str, Callable[[Client, Prompt], Reply]] = {"ollama": _by_ollama, "openai": _by_openai}
