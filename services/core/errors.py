"""Every failure a client can see, and the status it becomes.

    ServiceError
    ├── BadRequest            400  the request itself is wrong
    │   ├── ContextOverflow   400  the prompt does not fit the model's context
    │   ├── TextTooLong       400  one text is longer than the model can read at once
    │   └── BadHttp           400  what came is no HTTP; the status may be another of 4xx
    ├── Unauthorized          401  no key, or an unknown one
    ├── Forbidden             403  the key is good, but not for this
    ├── NotFound              404
    │   └── ModelNotFound     404
    ├── MethodNotAllowed      405
    ├── RequestTimeout        408  the client did not send its body in time
    ├── PayloadTooLarge       413
    ├── TooManyRequests       429  the key has as many requests in line as it may have; with Retry-After
    ├── InternalError         500  a bug; the log says what
    ├── Unsupported           501  what this server does not do
    ├── EngineFailed          502  the engine died, lied, or could not load the model
    ├── AnswerInvalid         502  the model did not answer in the form that was demanded
    ├── FetchFailed           502  a model could not be fetched
    ├── Unavailable           503
    │   ├── QueueFull         503  with Retry-After
    │   └── ShuttingDown      503  with Retry-After
    └── EngineTimeout         504  the engine said nothing for longer than its limit

`ClientGone` stands apart: there is nobody left to tell.
"""

from __future__ import annotations


class ServiceError(Exception):
    """A failure with a sentence for the person who caused or must mend it: found, needed, what to do."""

    status = 500
    type = "server_error"
    code: str | None = None
    retry_after: int | None = None
    """Seconds for the Retry-After header."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        """The request field at fault, in OpenAI's notation (``messages[0].role``)."""


class BadRequest(ServiceError):
    status = 400
    type = "invalid_request_error"


class ContextOverflow(BadRequest):
    code = "context_length_exceeded"

    def __init__(self, prompt_tokens: int, context_length: int, counted: bool = True) -> None:
        """`counted`: whether the prompt has just so many tokens; else it has as many at least."""
        tokens = f"{prompt_tokens} tokens" if counted else f"{prompt_tokens} tokens at least"
        super().__init__(
            f"This model's context length is {context_length} tokens, but the prompt has {tokens}, and "
            "the answer needs at least one. Shorten the conversation, or choose a model with a longer context.",
            param="messages",
        )
        self.prompt_tokens = prompt_tokens
        self.context_length = context_length
        self.counted = counted


class TextTooLong(BadRequest):
    code = "context_length_exceeded"

    def __init__(self, tokens: int, most: int) -> None:
        super().__init__(
            f"A text of the input has {tokens} tokens, but this model reads at most {most} at once. Split the text.",
            param="input",
        )


class BadHttp(BadRequest):
    code = "bad_http"


class Unauthorized(ServiceError):
    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class Forbidden(ServiceError):
    status = 403
    type = "permission_error"
    code = "insufficient_permissions"


class NotFound(ServiceError):
    status = 404
    type = "invalid_request_error"
    code = "not_found"


class ModelNotFound(NotFound):
    code = "model_not_found"


class MethodNotAllowed(ServiceError):
    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class RequestTimeout(ServiceError):
    status = 408
    type = "invalid_request_error"
    code = "request_timeout"


class PayloadTooLarge(ServiceError):
    status = 413
    type = "invalid_request_error"
    code = "payload_too_large"


class TooManyRequests(ServiceError):
    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    retry_after = 5


class InternalError(ServiceError):
    code = "internal_error"

    def __init__(self) -> None:
        super().__init__("Something went wrong inside the server; its log says what. The server goes on.")


class Unsupported(ServiceError):
    status = 501
    type = "invalid_request_error"
    code = "unsupported"


class EngineFailed(ServiceError):
    status = 502
    code = "engine_failed"


class FetchFailed(ServiceError):
    status = 502
    code = "fetch_failed"


class AnswerInvalid(ServiceError):
    status = 502
    code = "invalid_answer"


class Unavailable(ServiceError):
    status = 503
    type = "service_unavailable"
    code = "unavailable"


class QueueFull(Unavailable):
    code = "queue_full"
    retry_after = 5


class ShuttingDown(Unavailable):
    code = "shutting_down"
    retry_after = 10


class EngineTimeout(ServiceError):
    status = 504
    code = "engine_timeout"


class ClientGone(Exception):
    """The client closed its connection; unwinds the request through every `finally` on the line."""
