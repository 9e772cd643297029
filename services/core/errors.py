"""Define every failure that a client can see, with its HTTP status; each class says when it is raised.

    ServiceError
    ├── BadRequest            400
    │   ├── ContextOverflow   400
    │   ├── TextTooLong       400
    │   └── BadHttp           400, or another 4xx
    ├── Unauthorized          401
    ├── Forbidden             403
    ├── NotFound              404
    │   └── ModelNotFound     404
    ├── MethodNotAllowed      405
    ├── RequestTimeout        408
    ├── PayloadTooLarge       413
    ├── TooManyRequests       429, with Retry-After
    ├── InternalError         500
    ├── Unsupported           501
    ├── EngineFailed          502
    ├── AnswerInvalid         502
    ├── FetchFailed           502
    ├── Unavailable           503
    │   ├── DeviceTaken       503, with Retry-After
    │   ├── QueueFull         503, with Retry-After
    │   ├── BodiesFull        503, with Retry-After
    │   └── ShuttingDown      503, with Retry-After
    └── EngineTimeout         504

`ClientGone` stands apart: no client is left to read it.
"""

from __future__ import annotations

from services.core.short_text import MOST_QUOTED, message_of, shortened


class ServiceError(Exception):
    """A failure with a message for whoever can repair it: what was found, what is needed, what to do."""

    status = 500
    type = "server_error"
    code: str | None = None
    retry_after: int | None = None
    """Seconds for the Retry-After header."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        """Take the message, and the request field at fault in OpenAI's notation (``messages[0].role``)."""
        self.message = message_of(message)
        self.param = param and shortened(param, MOST_QUOTED)
        super().__init__(self.message)


class BadRequest(ServiceError):
    """The request itself is wrong."""

    status = 400
    type = "invalid_request_error"


class ContextOverflow(BadRequest):
    """The prompt does not fit the model's context."""

    code = "context_length_exceeded"

    def __init__(self, prompt_tokens: int, context_length: int, counted: bool = True) -> None:
        """Take the lengths in tokens. Without `counted`, `prompt_tokens` is a lower bound and not the exact number."""
        tokens = f"{prompt_tokens} tokens" if counted else f"{prompt_tokens} tokens at least"
        super().__init__(
            f"This model's context length is {context_length} tokens, but the prompt has {tokens}, and "
            "the answer needs some as well. Shorten the conversation, or choose a model with a longer context.",
            param="messages",
        )
        self.prompt_tokens = prompt_tokens
        self.context_length = context_length
        self.counted = counted


class TextTooLong(BadRequest):
    """One text is longer than the model can read at once."""

    code = "context_length_exceeded"

    def __init__(self, tokens: int, most: int) -> None:
        """Take the length of the text and the limit, both in tokens."""
        super().__init__(
            f"A text of the input has {tokens} tokens, but this model reads at most {most} at once. Split the text.",
            param="input",
        )
        self.tokens, self.most = tokens, most


class BadHttp(BadRequest):
    """The bytes that arrived are not HTTP."""

    code = "bad_http"


class Unauthorized(ServiceError):
    """The API key is missing or unknown."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class Forbidden(ServiceError):
    """The API key is valid, but has no right to do this."""

    status = 403
    type = "permission_error"
    code = "insufficient_permissions"


class NotFound(ServiceError):
    """The path, or the object that it names, does not exist."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class ModelNotFound(NotFound):
    """No model on disk has this name."""

    code = "model_not_found"


class MethodNotAllowed(ServiceError):
    """The path exists, but not with this method."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class RequestTimeout(ServiceError):
    """The client did not send the whole body in time."""

    status = 408
    type = "invalid_request_error"
    code = "request_timeout"


class PayloadTooLarge(ServiceError):
    """The body is larger than the limit."""

    status = 413
    type = "invalid_request_error"
    code = "payload_too_large"


class TooManyRequests(ServiceError):
    """As many requests with this API key wait as may wait at once."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    retry_after = 5


class InternalError(ServiceError):
    """A bug in the server. The log has the traceback; the client learns nothing of it."""

    code = "internal_error"

    def __init__(self) -> None:
        """Say the same to every client: the cause may hold private data."""
        super().__init__("Something went wrong inside the server; its log says what. The server goes on.")


class Unsupported(ServiceError):
    """The server or the engine cannot do this."""

    status = 501
    type = "invalid_request_error"
    code = "unsupported"


class EngineFailed(ServiceError):
    """The engine died, broke the protocol, or could not load the model."""

    status = 502
    code = "engine_failed"


class FetchFailed(ServiceError):
    """A model could not be downloaded."""

    status = 502
    code = "fetch_failed"


class AnswerInvalid(ServiceError):
    """The answer does not have the demanded format, even after a second try."""

    status = 502
    code = "invalid_answer"


class Unavailable(ServiceError):
    """The server cannot do this now, or not with this installation."""

    status = 503
    type = "service_unavailable"
    code = "unavailable"


class DeviceTaken(Unavailable):
    """The device or its memory is in use by somebody else, who may be done later."""

    retry_after = 30


class QueueFull(Unavailable):
    """No place in the queue is free."""

    code = "queue_full"
    retry_after = 5


class BodiesFull(Unavailable):
    """The bodies that arrive at present take all the memory that there is for them."""

    code = "bodies_full"
    retry_after = 5


class ShuttingDown(Unavailable):
    """The server ends and takes no requests any more."""

    code = "shutting_down"
    retry_after = 10


class EngineTimeout(ServiceError):
    """The engine sent nothing for longer than its limit."""

    status = 504
    code = "engine_timeout"


class ClientGone(Exception):
    """The client closed its connection. It passes through every generator of the pipeline, so that each one ends."""
