-- The tables of the entrance, the relay, timers and deliveries: the same in every service's schema.

-- One row per subject. Locking it is locking the story; it is never deleted: it is the tombstone.
CREATE TABLE thread (
    subject    text PRIMARY KEY,
    term       bigint NOT NULL DEFAULT 0,
    announced  bigint NOT NULL DEFAULT 0 CHECK (announced >= 0),
    heard      jsonb  NOT NULL DEFAULT '{}',  -- announcer -> [term, sequence]
    erased_at  timestamptz
) WITH (fillfactor = 80);

-- Next offset of each partition, moved in the transaction of the batch itself.
CREATE TABLE position (
    topic        text    NOT NULL,
    partition    integer NOT NULL,
    next_offset  bigint  NOT NULL CHECK (next_offset >= 0),
    moved_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

-- Announcements that wait for the relay; the order of ids is the order of commits for each subject.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane       text NOT NULL,
    topic      text NOT NULL,
    partition  integer,
    subject    text NOT NULL,
    key        bytea NOT NULL,
    value      bytea,           -- null once its story is erased: envelope and number still go out
    headers    bytea NOT NULL,  -- JSON: [[name, value], ...]
    personal   boolean NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX outbox_lane ON outbox (lane, id);
CREATE INDEX outbox_subject ON outbox (subject);

-- What could not be accepted, byte for byte, until somebody redrives or discards it.
CREATE TABLE parked (
    topic       text    NOT NULL,
    partition   integer NOT NULL,
    "offset"    bigint  NOT NULL,
    timestamp   bigint  NOT NULL,  -- the broker's, in ms: offsets start again when a topic is made anew
    key         bytea,
    value       bytea,
    headers     bytea   NOT NULL,  -- JSON: [[name, base64 or null], ...]
    reason      text    NOT NULL,
    detail      text    NOT NULL,  -- fields and problems, never what stood in them
    subject     text,
    source      text,
    event_id    text,
    type        text,
    parked_at   timestamptz NOT NULL DEFAULT now(),
    mark        text CHECK (mark IN ('redrive', 'discarded')),
    marked_by   text,
    marked_at   timestamptz,
    mark_reason text,
    PRIMARY KEY (topic, partition, "offset", timestamp),
    CHECK ((mark IS NULL) = (marked_by IS NULL))
);
CREATE INDEX parked_event ON parked (source, event_id);
CREATE INDEX parked_subject ON parked (subject);

-- Things that become due; the database's clock says when.
CREATE TABLE timer (
    subject   text NOT NULL,
    kind      text NOT NULL,
    target    text NOT NULL,
    due_at    timestamptz NOT NULL,
    failures  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (subject, kind, target)
);
CREATE INDEX timer_due ON timer (due_at);

-- Mails and webhooks. A row stays, emptied, because its key proves that it was sent.
CREATE TABLE delivery (
    id            uuid PRIMARY KEY,  -- also the idempotency key that the other side sees
    subject       text NOT NULL,
    target        text NOT NULL,
    kind          text NOT NULL,
    channel       text NOT NULL,
    payload       jsonb,
    attempts      integer NOT NULL DEFAULT 0,
    written_at    timestamptz NOT NULL DEFAULT now(),
    next_at       timestamptz NOT NULL DEFAULT now(),
    leased_until  timestamptz,
    sent_at       timestamptz,
    given_up_at   timestamptz,
    UNIQUE (subject, target, kind),
    CHECK (sent_at IS NULL OR payload IS NULL)
);
CREATE INDEX delivery_waiting ON delivery (next_at) WHERE sent_at IS NULL AND given_up_at IS NULL;

-- Answers already given to an Idempotency-Key, so that a repeat gets the same one.
CREATE TABLE answered (
    key       text NOT NULL,
    path      text NOT NULL,
    sha256    bytea NOT NULL,
    status    integer NOT NULL,
    body      bytea NOT NULL,
    subject   text,
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key, path)
);
