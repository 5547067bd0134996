"""Tables of `lineage.sqlite` as they are now; `migrations` makes them.

Programs, prompts and replies are stored once, by hash. Numbers that are not finite never enter:
SQLite turns NaN into NULL silently, so a failure has a status and no numbers.
"""

from sqlalchemy import JSON, Column, Float, ForeignKey, Integer, MetaData, String, Table, Text

metadata = MetaData()

migration = Table(
    "migration",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False),
)
run = Table(
    "run",
    metadata,
    Column("name", String, primary_key=True),
    Column("created_at", String, nullable=False),  # UTC, ISO 8601
    Column("finished_at", String),
    Column("task", String, nullable=False),
    Column("config", JSON, nullable=False),
    Column("data_origin", String, nullable=False),
    Column("data_sha256", String, nullable=False),
    Column("evaluation_key", String, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("starts", JSON, nullable=False),  # hash, proposer and change of each, in order
    Column("test_reads", Integer, nullable=False, default=0),
    Column("ended_because", Text),  # why it finished, or why its last driver stopped
)
program = Table(
    "program",
    metadata,
    Column("hash", String, primary_key=True),
    Column("source", Text, nullable=False),
)
candidate = Table(
    "candidate",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("island", Integer, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("program_hash", ForeignKey("program.hash"), nullable=False),
    Column("proposer", String, nullable=False),
    Column("change", Text, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("score", Float),
    Column("held_out_r2", Float),
    Column("params", String),
    Column("literals", Integer),
    Column("evaluation", JSON, nullable=False),
    Column("evaluated_at", String, nullable=False),
    Column("arm", String, nullable=False, default=""),
)
edge = Table(
    "edge",
    metadata,
    Column("child", ForeignKey("candidate.number"), primary_key=True),
    Column("parent", ForeignKey("candidate.number"), primary_key=True),
    Column("kind", String, primary_key=True),  # parent (edited from) or exemplar (shown)
    Column("place", Integer, nullable=False, default=0),  # the first parent is the one edited
)
content = Table(
    "content",  # prompts and replies
    metadata,
    Column("hash", String, primary_key=True),
    Column("text", Text, nullable=False),
)
call = Table(
    "call",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("candidate", Integer, nullable=False),  # its number; it may not be there yet
    Column("at", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("model", String, nullable=False),
    Column("prompt_hash", ForeignKey("content.hash")),
    Column("reply_hash", ForeignKey("content.hash")),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("seconds", Float),
    Column("usd", Float),
    Column("outcome", String, nullable=False),  # `asked` while it goes on
)
proposal = Table(
    "proposal",  # answers of models whose candidate is not committed yet
    metadata,
    Column("candidate", Integer, primary_key=True),
    Column("program_hash", ForeignKey("program.hash")),
    Column("parents", JSON, nullable=False),
    Column("exemplars", JSON, nullable=False),
    Column("change", Text, nullable=False),
    Column("arm", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("proposer", String, nullable=False),
)
event = Table(
    "event",  # what passed between islands
    metadata,
    Column("generation", Integer, primary_key=True),
    Column("kind", String, primary_key=True),  # migration or reseeding
    Column("source", Integer, nullable=False),
    Column("target", Integer, primary_key=True),
    Column("candidate", ForeignKey("candidate.number"), primary_key=True),
)
checkpoint = Table(
    "checkpoint",  # how the islands stood after a generation, to go on from
    metadata,
    Column("generation", Integer, primary_key=True),
    Column("state", JSON, nullable=False),
)
