-- The register: who may submit, for which sources and services, and whether it is trusted to moderate.
CREATE TABLE intake.publisher (
    name          text PRIMARY KEY,
    sources       text[] NOT NULL,
    services      text[] NOT NULL,  -- '*' for every service
    trusted       boolean NOT NULL,
    token_sha256  bytea UNIQUE
);

CREATE TABLE intake.story (
    story         uuid PRIMARY KEY,
    publisher     text NOT NULL,
    reference     text,            -- the publisher's own; null for people's stories
    state         text NOT NULL CHECK (state IN ('waiting', 'published', 'rejected', 'withdrawn')),
    revision      integer NOT NULL DEFAULT 0,
    told          jsonb,           -- all that the person said; null once erased
    sha256        bytea NOT NULL,  -- of the offer
    link_sha256   bytea UNIQUE,    -- of the author's private link
    criticality   integer CHECK (criticality BETWEEN 0 AND 5),  -- null: unknown
    reason        text,
    received_at   timestamptz NOT NULL DEFAULT now(),
    decided_at    timestamptz,
    withdrawn_at  timestamptz,
    UNIQUE (publisher, reference)
);
CREATE INDEX story_waiting ON intake.story (story) WHERE state = 'waiting';

-- A submission is known by (publisher, event id): the same body again is a repeat, another body is refused.
CREATE TABLE intake.submission (
    publisher  text NOT NULL,
    event_id   text NOT NULL,
    sha256     bytea NOT NULL,
    subject    text NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (publisher, event_id)
);

-- Stories that their publisher took back before offering them.
CREATE TABLE intake.recalled (
    story  uuid PRIMARY KEY,
    at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE intake.comment (
    comment    uuid PRIMARY KEY,
    publisher  text NOT NULL,
    service    text NOT NULL,
    text       text,
    answer     integer CHECK (answer BETWEEN 1 AND 5),
    given_on   date NOT NULL,
    sha256     bytea NOT NULL
);

-- What the author is shown: only what has happened, by (kind, target), so that a repeat is the same line.
CREATE TABLE intake.progress (
    story     uuid NOT NULL,
    kind      text NOT NULL,
    target    text NOT NULL,
    at        timestamptz NOT NULL,
    detail    jsonb NOT NULL,
    PRIMARY KEY (story, kind, target)
);

-- What authors said of changes.
CREATE TABLE intake.verdict (
    story     uuid NOT NULL,
    change    uuid NOT NULL,
    verdict   text NOT NULL,
    given_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (story, change)
);

-- The receipt of an erasure: which service has said since when that it holds no text.
CREATE TABLE intake.erasure (
    story      uuid NOT NULL,
    service    text NOT NULL,
    erased_at  timestamptz NOT NULL,
    PRIMARY KEY (story, service)
);
