-- Who may do what for which organisation, as responder tells it; in responder's own schema this is where it is kept.
CREATE TABLE member (
    member        uuid PRIMARY KEY,
    principal     text,  -- opaque, the same in all services
    role          text,
    organisation  text,
    team          text,  -- null: in the whole organisation
    frozen        boolean NOT NULL DEFAULT false,
    removed_at    timestamptz,  -- the row stays, so that an older fact does not bring the member back
    term          bigint NOT NULL DEFAULT 0,  -- of the fact that set it; responder hears none
    sequence      bigint NOT NULL DEFAULT 0,
    CHECK (removed_at IS NOT NULL OR (principal IS NOT NULL AND role IS NOT NULL AND organisation IS NOT NULL))
);
CREATE INDEX member_principal ON member (principal) WHERE removed_at IS NULL;
