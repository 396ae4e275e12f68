-- +goose Up
-- statement is the very text that supervisors sign; the columns beside it only
-- find it.
CREATE TABLE overrides (
    number         BIGINT PRIMARY KEY,
    exercise       BOOLEAN NOT NULL,
    device         TEXT    NOT NULL,
    device_key     TEXT    NOT NULL REFERENCES devices (fingerprint),
    technician     TEXT    NOT NULL,
    technician_key TEXT    NOT NULL,
    statement      BYTEA   NOT NULL,
    needed         BIGINT  NOT NULL,
    state          TEXT    NOT NULL,
    asked_at       BIGINT  NOT NULL,
    until_at       BIGINT  NOT NULL,
    decided_at     BIGINT  NOT NULL DEFAULT 0,
    decided_by     TEXT    NOT NULL DEFAULT '',
    cause          TEXT    NOT NULL DEFAULT '',
    used_at        BIGINT  NOT NULL DEFAULT 0,
    visit          TEXT    NOT NULL DEFAULT '',
    overdue_at     BIGINT  NOT NULL DEFAULT 0,
    reviewed_at    BIGINT  NOT NULL DEFAULT 0,
    reviewed_by    TEXT    NOT NULL DEFAULT '',
    verdict        TEXT    NOT NULL DEFAULT '',
    note           TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX overrides_state ON overrides (state, number);
CREATE INDEX overrides_technician ON overrides (technician, device_key, state);

CREATE TABLE override_signatures (
    number    BIGINT NOT NULL REFERENCES overrides (number),
    place     BIGINT NOT NULL,
    signer    TEXT   NOT NULL,
    key       TEXT   NOT NULL,
    signature BYTEA  NOT NULL,
    signed_at BIGINT NOT NULL,
    PRIMARY KEY (number, place),
    UNIQUE (number, signer),
    UNIQUE (number, key)
);

-- signed_at is 0 while a list waits for the signatures of those on the one
-- before.
CREATE TABLE rosters (
    version    BIGINT PRIMARY KEY,
    statement  BYTEA  NOT NULL,
    signatures TEXT   NOT NULL DEFAULT '[]',
    signers    TEXT   NOT NULL DEFAULT '[]',
    made_at    BIGINT NOT NULL,
    signed_at  BIGINT NOT NULL DEFAULT 0
);

-- hooks are entries of the log of which the webhook is still to be told.
CREATE TABLE hooks (
    origin  TEXT   NOT NULL,
    seq     BIGINT NOT NULL,
    since   BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    tries   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (origin, seq)
);
CREATE INDEX hooks_next ON hooks (origin, next_at);
