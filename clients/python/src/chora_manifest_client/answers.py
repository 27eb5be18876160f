"""The last known answers of the registry, and which new ones may take their place. Without clock or network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple, cast

from .records import ServiceRecord

#: Identifies a question: the call and its arguments.
Question = Tuple[object, ...]


@dataclass(frozen=True)
class RegistryAnswer:
    """What the registry said.

    Attributes:
        revision: the revision that it shows (``X-Manifest-Index``), where it said.
        is_linearizable: whether it shows all that was written before the question.
        at: when the question was asked, on the monotonic clock, in seconds.
    """

    records: Sequence[ServiceRecord]
    revision: Optional[int]
    is_linearizable: bool
    at: float

    def copies(self) -> List[ServiceRecord]:
        """The records, for callers that may change them."""
        return [copied(record) for record in self.records]


def joined(records: Sequence[ServiceRecord], pages: Sequence[RegistryAnswer]) -> RegistryAnswer:
    """The answer of a list that was read in pages: as old as the oldest of them."""
    revisions = [page.revision for page in pages if page.revision is not None]
    revision = min(revisions) if len(revisions) == len(pages) else None
    is_linearizable = all(page.is_linearizable for page in pages)
    return RegistryAnswer(records, revision, is_linearizable, min(page.at for page in pages))


class LastAnswers:
    """Holds one answer to each question. Every change is a single assignment, so that no lock is needed."""

    def __init__(self) -> None:
        self._answers: Dict[Question, RegistryAnswer] = {}

    def get(self, question: Question) -> Optional[RegistryAnswer]:
        return self._answers.get(question)

    def accept(self, question: Question, answer: RegistryAnswer) -> bool:
        """Takes a new answer, unless it is an empty one in place of a full one that nothing confirms.

        Confirmed is what a linearizable read says at a revision no older than that of the full answer. A registry that
        shows an older revision has lost its data, or is another one: what it does not list may well be there.

        Returns:
            Whether it was taken.
        """
        known = self._answers.get(question)
        if known is not None and known.records and not answer.records and not _confirms(answer, known):
            return False
        self._answers[question] = answer
        return True

    def follow(self, question: Question, answer: RegistryAnswer) -> bool:
        """Takes what a watch has told, unless something later is known: so that reads never go back.

        A watch that catches up may be behind what was asked meanwhile. One of a registry that lost its data tells lower
        revisions; it is taken once a question, answered by the same registry, has been accepted.

        Returns:
            Whether it was taken.
        """
        known = self._answers.get(question)
        if known is not None:
            if answer.at < known.at:
                return False
            if known.revision is not None and (answer.revision is None or answer.revision < known.revision):
                return False
        return self.accept(question, answer)

    def forget(self, question: Question) -> None:
        """Drops an answer that is too old to be of use."""
        self._answers.pop(question, None)

    def forget_all(self) -> None:
        self._answers = {}

    def forget_older_than(self, at: float, more_than: int) -> None:
        """Where there are more answers than that, drops those that are too old to be of use."""
        if len(self._answers) > more_than:
            for question, answer in list(self._answers.items()):
                if answer.at < at:
                    self._answers.pop(question, None)


def _confirms(empty: RegistryAnswer, known: RegistryAnswer) -> bool:
    if not empty.is_linearizable or empty.revision is None:
        return False
    return known.revision is None or empty.revision >= known.revision


def copied(record: ServiceRecord) -> ServiceRecord:
    """A record for a caller that may change it."""
    return cast(ServiceRecord, _copy(record))


def _copy(value: Any) -> Any:
    """Copies what JSON can hold, several times as fast as ``copy.deepcopy``."""
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_copy(each) for each in value]
    return value
