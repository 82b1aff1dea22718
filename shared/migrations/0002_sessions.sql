-- Sign-in: who is signed in, what is on its way, what was tried, and what happened. The same in every service's schema.

-- One row per browser that is signed in. Its cookie holds a secret of 256 bits; here is only the hash.
CREATE TABLE session (
    token_sha256   bytea PRIMARY KEY,
    subject        text NOT NULL,          -- opaque
    name           text NOT NULL,          -- what pages call them
    grants         jsonb NOT NULL,         -- of the claims: [[role, organisation, team], ...]
    sid            text,                   -- the issuer's own session, for its back-channel logout
    person_sha256  bytea NOT NULL,         -- of the issuer's sub, for the same
    id_token       text NOT NULL,          -- the issuer wants it back at sign-out
    csrf           text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    seen_at        timestamptz NOT NULL DEFAULT now(),
    ends_at        timestamptz NOT NULL
);
CREATE INDEX session_subject ON session (subject);
CREATE INDEX session_sid ON session (sid);
CREATE INDEX session_person ON session (person_sha256);

-- A sign-in that has gone to the issuer and has not come back; used once, and for ten minutes.
CREATE TABLE sign_in (
    token_sha256  bytea PRIMARY KEY,
    state         text NOT NULL,
    nonce         text NOT NULL,
    verifier      text NOT NULL,
    next          text NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT now()
);

-- How often something was tried in a minute, by whom; kept here so that it holds over replicas.
CREATE TABLE attempt (
    kind    text NOT NULL,
    who     bytea NOT NULL,
    minute  timestamptz NOT NULL,
    times   integer NOT NULL,
    PRIMARY KEY (kind, who, minute)
);

-- Ids of signed statements that count once: logout tokens, and publishers' assertions.
CREATE TABLE used (
    kind   text NOT NULL,
    id     bytea NOT NULL,
    until  timestamptz NOT NULL,
    PRIMARY KEY (kind, id)
);

-- Who signed in, who was refused, what was granted: rows are added, and never changed or deleted.
CREATE TABLE audit (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    event    text NOT NULL,   -- in OWASP's vocabulary
    subject  text,            -- opaque
    detail   jsonb NOT NULL
);
CREATE INDEX audit_subject ON audit (subject, at);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
