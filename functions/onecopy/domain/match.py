"""If-Match (RFC 9110, 13.1.1): a request that counts only if the thing is still as its sender knows it."""

from dataclasses import dataclass

from onecopy.domain.errors import PreconditionFailed


@dataclass(frozen=True)
class Match:
    """`numbers`: the lastModSeqs to accept, as entity tags hold them; None accepts any."""

    numbers: frozenset[str] | None = None

    def check(self, last_mod_seq: int) -> None:
        """Raises PreconditionFailed."""
        if self.numbers is not None and str(last_mod_seq) not in self.numbers:
            raise PreconditionFailed("If-Match")


ANY = Match()
