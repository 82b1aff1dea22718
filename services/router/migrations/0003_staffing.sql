-- What responder last said of each team. A team of which nothing was ever said counts as staffed.
CREATE TABLE router.staffing (
    team      text PRIMARY KEY,
    staffed   boolean NOT NULL,
    term      bigint NOT NULL,
    sequence  bigint NOT NULL
);
