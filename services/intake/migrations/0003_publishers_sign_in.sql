-- Publishers sign in with a signed JWT: their public keys, and the short-lived tokens that they get for it.
ALTER TABLE intake.publisher ADD COLUMN key_set jsonb;

CREATE TABLE intake.publisher_token (
    token_sha256  bytea PRIMARY KEY,
    publisher     text NOT NULL REFERENCES intake.publisher ON DELETE CASCADE,
    ends_at       timestamptz NOT NULL
);
CREATE INDEX publisher_token_ends ON intake.publisher_token (ends_at);
