CREATE TABLE router.organisation (
    code    text PRIMARY KEY,
    name    text NOT NULL,
    kind    text NOT NULL,
    parent  text REFERENCES router.organisation DEFERRABLE INITIALLY DEFERRED,
    CHECK (parent <> code)
);
CREATE INDEX organisation_parent ON router.organisation (parent);

CREATE TABLE router.team (
    code          text PRIMARY KEY,
    name          text NOT NULL,
    organisation  text NOT NULL REFERENCES router.organisation DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE router.subscription (
    code   text PRIMARY KEY,
    team   text NOT NULL REFERENCES router.team DEFERRABLE INITIALLY DEFERRED,
    scope  text NOT NULL REFERENCES router.organisation DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX subscription_scope ON router.subscription (scope);

-- Each load that changed something closes a version.
CREATE TABLE router.release (
    version      integer PRIMARY KEY,
    released_at  timestamptz NOT NULL DEFAULT now()
);

-- Where each story stands, and the number of the fact that set it: an older one never overwrites.
CREATE TABLE router.story (
    story     uuid PRIMARY KEY,
    state     text NOT NULL CHECK (state IN ('published', 'withdrawn')),
    term      bigint NOT NULL,
    sequence  bigint NOT NULL
);

-- One row per story and team: decided once, whatever comes a second time.
CREATE TABLE router.route (
    story              uuid NOT NULL,
    team               text NOT NULL,
    revision           integer NOT NULL,
    subscription       text NOT NULL,
    rule               text NOT NULL,
    evidence           text NOT NULL,
    path               text[] NOT NULL,
    directory_version  integer NOT NULL,
    term               bigint NOT NULL,   -- the number of the fact that led to it
    sequence           bigint NOT NULL,
    routed_at          timestamptz NOT NULL DEFAULT now(),
    declined_at        timestamptz,
    PRIMARY KEY (story, team)
);

-- Published stories for which nobody was signed up when they came.
CREATE TABLE router.unheard (
    story     uuid PRIMARY KEY,
    revision  integer NOT NULL,
    services  text[] NOT NULL,
    term      bigint NOT NULL,
    sequence  bigint NOT NULL,
    since     timestamptz NOT NULL DEFAULT now()
);
