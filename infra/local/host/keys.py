"""Keeps the local stack's secrets in the data folder, where only its owner can read them."""

import json
import os
import secrets
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ALPHABET = string.ascii_letters + string.digits


class KeyStore:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder

    def text(self, name: str, make: Callable[[], str]) -> str:
        """The secret of that name, which is made at its first use."""
        path = self._folder / name
        if not path.exists():
            self._write(path, make())
        return path.read_text()

    def password(self, name: str, length: int = 40) -> str:
        return self.text(name, lambda: "".join(secrets.choice(_ALPHABET) for _ in range(length)))

    def load(self, name: str) -> dict[str, Any]:
        path = self._folder / name
        loaded: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return loaded

    def save(self, name: str, content: dict[str, Any]) -> None:
        self._write(self._folder / name, json.dumps(content, indent=1))

    def _write(self, path: Path, text: str) -> None:
        unfinished = path.with_name(path.name + ".new")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        unfinished.replace(path)
