"""Signing a bundle's statement with a key, and checking the signature: OpenSSF model-signing in its plain key mode.

The signature is a Sigstore bundle around an in-toto statement; it needs no network. A key is made, for instance, with
`openssl ecparam -name prime256v1 -genkey -noout -out key.pem` and `openssl ec -in key.pem -pubout -out key.pub`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from precepts.errors import InputError, MissingError

SIGNATURE = "statement.sig"


def sign(file: Path, signature: Path, *, key: Path) -> None:
    """Signs a file with a private key in PEM.

    Raises:
        MissingError: If model-signing is not installed, or there is no such key.
        InputError: If it is not a key that can sign.
    """
    config = _module("signing").Config()
    _there(key)
    try:
        config.use_elliptic_key_signer(private_key=key).sign(file, signature)
    except (ValueError, TypeError) as error:
        raise InputError.at(
            key, None, f"not an elliptic private key in PEM ({error}); make one with openssl ecparam"
        ) from None


def verify_signature(file: Path, signature: Path, *, key: Path) -> str:
    """What is wrong with a file's signature under a public key in PEM; empty if it holds.

    Raises:
        MissingError: If model-signing is not installed, or there is no such key.
    """
    config = _module("verifying").Config()
    _there(key)
    try:
        config.use_elliptic_key_verifier(public_key=key).verify(file, signature)
    except Exception as error:  # noqa: BLE001 - the library raises whatever its parsers raise; all of it means: not verified
        return f"the signature does not hold under {key.name}: {type(error).__name__}: {str(error)[:160]}"
    return ""


def _module(name: str) -> Any:
    try:
        import importlib

        return importlib.import_module(f"model_signing.{name}")
    except ImportError:
        raise MissingError(
            "This needs model-signing, which is not installed. Install it with: pip install 'precepts[sign]'"
        ) from None


def _there(key: Path) -> None:
    if not key.is_file():
        raise MissingError(
            f"{key}: there is no such key. Make one with: openssl ecparam -name prime256v1 -genkey -noout -out key.pem"
        )
