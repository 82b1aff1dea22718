-- Where each story stands, and the number of the fact that set it: an older one never overwrites.
CREATE TABLE responder.story (
    story     uuid PRIMARY KEY,
    state     text NOT NULL CHECK (state IN ('published', 'withdrawn')),
    published jsonb,  -- the contract story.published as it came; null once withdrawn or erased
    term      bigint NOT NULL,
    sequence  bigint NOT NULL,
    CHECK (state = 'published' OR published IS NULL)
);

CREATE TABLE responder.team (
    team          text PRIMARY KEY,
    name          text NOT NULL,
    organisation  text NOT NULL,
    closed_at     timestamptz,
    term          bigint NOT NULL,
    sequence      bigint NOT NULL
);

-- One row per story and team. It opens, and its clock starts, when the story is both routed and published.
CREATE TABLE responder.team_case (
    story              uuid NOT NULL,
    team               text NOT NULL,
    team_name          text NOT NULL,
    organisation       text NOT NULL,
    organisation_name  text NOT NULL,
    evidence           text NOT NULL,
    routed_at          timestamptz NOT NULL DEFAULT now(),
    opened_at          timestamptz,
    due_at             timestamptz,
    heard_at           timestamptz,
    heard_role         text,
    answered_at        timestamptz,
    declined_at        timestamptz,
    suggestion         text,
    closed_at          timestamptz,
    overdue_at         timestamptz,  -- when it was said to be overdue
    term               bigint NOT NULL,
    sequence           bigint NOT NULL,
    PRIMARY KEY (story, team),
    CHECK ((opened_at IS NULL) = (due_at IS NULL))
);
CREATE INDEX team_case_team ON responder.team_case (team, opened_at);

CREATE TABLE responder.reply (
    reply        uuid PRIMARY KEY,
    story        uuid NOT NULL,
    team         text NOT NULL,
    text         text NOT NULL,
    signed_name  text NOT NULL,
    signed_role  text NOT NULL,
    claim        text NOT NULL,
    explanation  text,
    due          date,
    published_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (story, team) REFERENCES responder.team_case,
    CHECK (claim = 'none' OR explanation IS NOT NULL)  -- no explanation, no claim
);
CREATE INDEX reply_story ON responder.reply (story);

CREATE TABLE responder.comment (
    comment   uuid PRIMARY KEY,
    service   text NOT NULL,
    text      text,
    answer    integer,
    given_on  date NOT NULL
);
CREATE INDEX comment_service ON responder.comment (service, given_on);
