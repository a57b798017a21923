"""Which pages of other origins may call the API: an HTTP API's CorsConfiguration, as API Gateway applies it.

API Gateway adds these headers to a function's answers, to preflights and to requests, in place of the
function's own. It adds none to its own answers, such as a 401.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from infra.aws.template import Template
from infra.local.gateway.event import Request, Response

_OWN = "access-control-"


@dataclass(frozen=True)
class Cors:
    """Without origins it allows nothing and changes nothing."""

    origins: frozenset[str] = frozenset()
    exposed: str = ""
    preflight: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Self:
        return cls(
            frozenset(written.get("AllowOrigins", ())),
            ",".join(written.get("ExposeHeaders", ())),
            {
                "access-control-allow-methods": ",".join(written.get("AllowMethods", ())),
                "access-control-allow-headers": ",".join(written.get("AllowHeaders", ())),
                "access-control-max-age": str(written.get("MaxAge", 0)),
            },
        )

    def named(self) -> Cors:
        """The same without `*`: only origins that are named."""
        return replace(self, origins=self.origins - {"*"})

    def answers(self, asked: Request) -> bool:
        """Whether this is a preflight and the configuration answers it."""
        return bool(self.origins) and _is_preflight(asked)

    def on(self, asked: Request, answer: Response) -> Response:
        """A function's answer, with the headers that let a browser give it to the page."""
        if not self.origins:
            return answer
        headers = [header for header in answer.headers if not header[0].startswith(_OWN)]
        return replace(answer, headers=headers + self._headers(asked))

    def _headers(self, asked: Request) -> list[tuple[str, str]]:
        origin = asked.headers.get("origin", "")
        allowed = "*" if "*" in self.origins else origin
        if not origin or allowed not in self.origins:
            return []
        headers = {"access-control-allow-origin": allowed}
        if self.exposed:
            headers["access-control-expose-headers"] = self.exposed
        return list((headers | (self.preflight if _is_preflight(asked) else {})).items())


def configuration(template: Template) -> dict[str, Any]:
    """The CorsConfiguration of the template's HTTP API; empty if it has none."""
    apis = template.resources("AWS::ApiGatewayV2::Api").values()
    [api] = (one for one in apis if one["ProtocolType"] == "HTTP")
    written = template.resolve({name: value for name, value in api.items() if name == "CorsConfiguration"})
    found: dict[str, Any] = written.get("CorsConfiguration", {})
    return found


def _is_preflight(asked: Request) -> bool:
    return (
        asked.method == "OPTIONS"
        and "origin" in asked.headers
        and "access-control-request-method" in asked.headers
    )
