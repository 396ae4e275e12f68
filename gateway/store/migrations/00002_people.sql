-- Times are microseconds since 1970, UTC; 0 is "never".

-- +goose Up
CREATE TABLE locks (
    person    TEXT PRIMARY KEY,
    locked_by TEXT   NOT NULL,
    locked_at BIGINT NOT NULL,
    reason    TEXT   NOT NULL
);

-- last_step is the step (RFC 6238, 30 s) of the last one-time code that was
-- taken; misses are the wrong ones since then, missed_at the last of them.
CREATE TABLE codes (
    person    TEXT PRIMARY KEY,
    last_step BIGINT NOT NULL,
    misses    BIGINT NOT NULL,
    missed_at BIGINT NOT NULL
);

-- One row a signature: a text that changed under the same version is signed
-- anew. digest is the SHA-256 of the text, in hex.
CREATE TABLE charters (
    person     TEXT   NOT NULL,
    version    TEXT   NOT NULL,
    digest     TEXT   NOT NULL,
    person_key TEXT   NOT NULL,
    typed      TEXT   NOT NULL,
    signed_at  BIGINT NOT NULL,
    PRIMARY KEY (person, version, digest)
);
CREATE INDEX charters_signed ON charters (signed_at);
