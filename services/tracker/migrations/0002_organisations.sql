-- A copy of who stands above whom, for rights; a closed organisation stays where it was.
CREATE TABLE tracker.organisation (
    code       text PRIMARY KEY,
    parent     text,
    closed_at  timestamptz,
    term       bigint NOT NULL,
    sequence   bigint NOT NULL
);
CREATE INDEX organisation_parent ON tracker.organisation (parent);

-- Whose a story and a change are: the organisations of the teams that the story was sent to, and that claimed the change.
CREATE TABLE tracker.reader (
    story         uuid NOT NULL,
    organisation  text NOT NULL,
    team          text NOT NULL,
    PRIMARY KEY (story, team)
);
CREATE INDEX reader_organisation ON tracker.reader (organisation);
CREATE INDEX reader_team ON tracker.reader (team);
