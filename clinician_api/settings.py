"""Settings of ``telekol api``."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from telekol.settings import DatabaseSettings

_HOW_TO_MAKE_ONE = 'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < 32:
        raise ValueError("expected at least 32 characters; a session could be forged with fewer")
    return secret


class ApiSettings(DatabaseSettings):
    """What the clinicians' service needs to know."""

    api_host: str = Field(default="127.0.0.1", description="Address that the web server binds.")
    api_port: int = Field(
        default=8000, ge=0, le=65535, description="Port that the web server listens on."
    )
    api_secret: Annotated[SecretStr, AfterValidator(_long_enough)] = Field(
        description=(
            "Secret that signs session cookies, 32 characters or more, the same on every "
            f"instance. Make one with: {_HOW_TO_MAKE_ONE}"
        )
    )
    api_demo_sign_in: bool = Field(
        default=False,
        description=(
            "true lets anybody who reaches the server sign in as any clinician, for "
            "demonstrations with invented patients only."
        ),
    )
