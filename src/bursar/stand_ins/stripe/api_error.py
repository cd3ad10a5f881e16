"""Errors in Stripe's shape, which the stock library turns into its own exceptions."""

from typing import Any


class ApiError(Exception):
    """A call that is answered with an error.

    `status` decides which exception the library raises: 400 and 404 `InvalidRequestError` (or
    `IdempotencyError`, by `kind`), 401 `AuthenticationError`, 402 `CardError`, others `APIError`.
    An error that arose while the call was carried out (`executed`) is kept under its idempotency
    key; one that was seen before is not.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        executed: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.executed = executed
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The error as Stripe writes it: absent fields are left out."""
        fields = {
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "type": self.kind,
        }
        return {"error": {name: value for name, value in fields.items() if value is not None}}


def no_such(kind: str, identifier: str, param: str) -> ApiError:
    """The error for an object that there is not."""
    return ApiError(404, f"No such {kind}: '{identifier}'", code="resource_missing", param=param)


def unacceptable(message: str, param: str, code: str | None = None) -> ApiError:
    """The error for a parameter that cannot be accepted."""
    return ApiError(400, message, code=code, param=param)
