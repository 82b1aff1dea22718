"""Header names that are not UTF-8: aiokafka reads a batch that holds one never to its end.

The broker takes such a record from any producer, and from then on the partition stands still for ever. With
`let_through` the rest of the batch is read by aiokafka's own slower reader, the bad bytes as surrogates, so that
nothing is lost of them: the entrance parks the record and goes on. *Revisit when* aiokafka keeps names as bytes.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


def let_through() -> None:
    """From here on every consumer of this process reads such records."""
    fetcher.MemoryRecords = Records


class Records(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka ships no types
    """What one fetch brought: batches that can be read to their end."""

    def next_batch(self) -> Any:
        """The next batch, by the fast reader for as long as that can read it."""
        piece = self._next_slice
        return Batch(super().next_batch(), piece)


class Batch:
    """One batch; all but its records is the fast reader's."""

    def __init__(self, fast: Any, piece: memoryview) -> None:
        self._fast, self._piece = fast, piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)

    def __next__(self) -> Any:
        return next(self._fast)

    def __iter__(self) -> Iterator[Any]:
        done = 0
        try:
            for record in self._fast:
                yield record
                done += 1
        except UnicodeDecodeError:
            yield from list(_slow(self._piece))[done:]


def _slow(piece: memoryview) -> Any:
    batch = _DefaultRecordBatchPy(piece)
    batch._maybe_uncompress()
    batch._buffer = _Names(batch._buffer)
    return iter(batch)


class _Names(bytearray):
    """The reader cuts names out of its buffer and decodes them: each cut decodes what is not UTF-8, too."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Names(found) if isinstance(place, slice) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        """As text, bytes that are none as surrogates."""
        return super().decode(encoding, "surrogateescape")
