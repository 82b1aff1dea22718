-- A copy of who stands above whom, for rights; a closed organisation stays where it was.
CREATE TABLE responder.organisation (
    code       text PRIMARY KEY,
    parent     text,
    closed_at  timestamptz,
    term       bigint NOT NULL,
    sequence   bigint NOT NULL
);
CREATE INDEX organisation_parent ON responder.organisation (parent);
