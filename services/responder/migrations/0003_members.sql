-- Members are kept in the table that every service has; `person` holds what nobody else is told.
CREATE TABLE responder.person (
    member      uuid PRIMARY KEY REFERENCES responder.member,
    person      text NOT NULL,  -- what the issuer calls them
    name        text NOT NULL,
    email       text,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  text NOT NULL
);
CREATE INDEX member_organisation ON responder.member (organisation, member);
CREATE INDEX member_team ON responder.member (team) WHERE team IS NOT NULL;

-- Who did what to which member, and when; opaque ids only.
CREATE TABLE responder.member_audit (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL DEFAULT now(),
    by            text NOT NULL,
    what          text NOT NULL CHECK (what IN ('added', 'changed', 'frozen', 'unfrozen', 'left', 'forgotten')),
    member        uuid NOT NULL,
    principal     text NOT NULL,
    organisation  text NOT NULL,
    team          text,
    role          text NOT NULL
);
CREATE INDEX member_audit_member ON responder.member_audit (member, id);

CREATE FUNCTION responder.only_added() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit is only added to'; END $$;
CREATE TRIGGER member_audit_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON responder.member_audit
    FOR EACH STATEMENT EXECUTE FUNCTION responder.only_added();
