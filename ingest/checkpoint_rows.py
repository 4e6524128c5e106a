"""Checkpoints between their rows in `ingest_files` and Python. Pure."""

from typing import Any

from ingest.identity import Checkpoint, FileId, Fingerprint, Position


def parameters_of(at: Position) -> dict[str, Any]:
    """A position as a statement's parameters."""
    return {
        "offset": at.offset, "head_length": at.head.length, "head_hash": at.head.digest,
        "proof_length": at.proof.length, "proof_hash": at.proof.digest,
    }  # fmt: skip


def checkpoint_of(row: tuple[Any, ...]) -> Checkpoint:
    """A row of the queries `load_families`, `load_generations` and `unfinished`."""
    (generation, device, inode, birth_ns, path, family, boot_id, head_length, head_hash, proof_length, proof_hash,
     offset, size_bytes, version, state, compression, owner, owner_epoch, parser, parser_version, parser_state,
     held) = row  # fmt: skip
    return Checkpoint(
        generation, FileId(device, inode, birth_ns), path, family, boot_id,
        Fingerprint(head_length, bytes(head_hash)), Fingerprint(proof_length, bytes(proof_hash)),
        offset, size_bytes, version, state, compression, owner, owner_epoch, parser, parser_version, parser_state, held,
    )  # fmt: skip
