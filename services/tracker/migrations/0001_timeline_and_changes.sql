-- The timeline. Facts of different services come in any order; (story, kind, target) makes a repeat the same line.
CREATE TABLE tracker.entry (
    story        uuid NOT NULL,
    kind         text NOT NULL,
    target       text NOT NULL,
    at           timestamptz NOT NULL,                -- when it happened
    recorded_at  timestamptz NOT NULL DEFAULT now(),  -- when it was heard here
    detail       jsonb NOT NULL,
    term         bigint NOT NULL,
    sequence     bigint NOT NULL,
    PRIMARY KEY (story, kind, target)
);

CREATE TABLE tracker.change (
    change       uuid PRIMARY KEY,
    story        uuid NOT NULL,
    team         text NOT NULL,
    claimed      text NOT NULL CHECK (claimed IN ('planned', 'made')),
    claimed_what text NOT NULL,
    state        text NOT NULL CHECK (state IN ('planned', 'made', 'missed', 'confirmed', 'disputed')),
    what         text NOT NULL,                        -- the newest words: of the plan, or of those who made it
    due          date,
    step         integer NOT NULL,  -- how many states it has come into
    made_at_step integer NOT NULL,  -- 0: nobody has reported it as made
    claimed_at   timestamptz NOT NULL DEFAULT now(),
    moved_at     timestamptz NOT NULL DEFAULT now(),  -- when it came into its state
    made_at      timestamptz,
    judged_term      bigint NOT NULL DEFAULT 0,  -- the number of the verdict that was last taken into account
    judged_sequence  bigint NOT NULL DEFAULT 0,
    CHECK (state <> 'missed' OR due IS NOT NULL),
    CHECK (made_at_step > 0 OR state NOT IN ('made', 'confirmed'))
);
CREATE INDEX change_story ON tracker.change (story);
CREATE INDEX change_state ON tracker.change (state, due);

-- What authors said of changes; it may come before the change, which then takes it on.
CREATE TABLE tracker.verdict (
    change    uuid PRIMARY KEY,
    story     uuid NOT NULL,
    verdict   text NOT NULL,
    term      bigint NOT NULL,
    sequence  bigint NOT NULL
);

CREATE TABLE tracker.comment (
    comment   uuid PRIMARY KEY,
    service   text NOT NULL,
    answer    integer,
    given_on  date NOT NULL
);
CREATE INDEX comment_service ON tracker.comment (service, given_on);
