-- Times are microseconds since 1970, UTC; 0 is "never". Lists and maps are JSON.

-- +goose Up
CREATE TABLE logs (
    origin   TEXT PRIMARY KEY,
    verifier TEXT NOT NULL
);

-- record is the very text that is hashed; the columns beside it only find it.
-- hashes are those that the entry completes in the tree, its own first.
CREATE TABLE entries (
    origin TEXT   NOT NULL REFERENCES logs (origin),
    seq    BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    kind   TEXT   NOT NULL,
    actor  TEXT   NOT NULL,
    device TEXT   NOT NULL,
    visit  TEXT   NOT NULL,
    record TEXT   NOT NULL,
    hashes BYTEA  NOT NULL,
    PRIMARY KEY (origin, seq)
);
CREATE INDEX entries_actor ON entries (origin, actor, seq);
CREATE INDEX entries_device ON entries (origin, device, seq);
CREATE INDEX entries_visit ON entries (origin, visit, seq);

CREATE TABLE heads (
    origin TEXT   NOT NULL REFERENCES logs (origin),
    size   BIGINT NOT NULL,
    note   TEXT   NOT NULL,
    PRIMARY KEY (origin, size)
);

CREATE TABLE devices (
    fingerprint      TEXT PRIMARY KEY,
    public_key       TEXT    NOT NULL,
    name             TEXT    NOT NULL UNIQUE,
    labels           TEXT    NOT NULL,
    os               TEXT    NOT NULL,
    arch             TEXT    NOT NULL,
    version          TEXT    NOT NULL,
    capabilities     TEXT    NOT NULL,
    logins           TEXT    NOT NULL,
    address          TEXT    NOT NULL,
    enrolled_at      BIGINT  NOT NULL,
    enrolled_by      TEXT    NOT NULL,
    online           BOOLEAN NOT NULL,
    since            BIGINT  NOT NULL,
    why              TEXT    NOT NULL,
    quarantined_at   BIGINT  NOT NULL DEFAULT 0,
    quarantined_why  TEXT    NOT NULL DEFAULT ''
);

CREATE TABLE tokens (
    hash       TEXT PRIMARY KEY,
    labels     TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    made_by    TEXT   NOT NULL,
    made_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL DEFAULT 0,
    used_by    TEXT   REFERENCES devices (fingerprint)
);

CREATE TABLE visits (
    id                TEXT PRIMARY KEY,
    device            TEXT   NOT NULL,
    device_key        TEXT   NOT NULL REFERENCES devices (fingerprint),
    technician        TEXT   NOT NULL,
    technician_key    TEXT   NOT NULL,
    reason            TEXT   NOT NULL,
    ticket            TEXT   NOT NULL,
    capabilities      TEXT   NOT NULL,
    login             TEXT   NOT NULL,
    minutes           BIGINT NOT NULL,
    state             TEXT   NOT NULL,
    asked_at          BIGINT NOT NULL,
    answered_at       BIGINT NOT NULL DEFAULT 0,
    opened_at         BIGINT NOT NULL DEFAULT 0,
    until_at          BIGINT NOT NULL DEFAULT 0,
    ended_at          BIGINT NOT NULL DEFAULT 0,
    later_at          BIGINT NOT NULL DEFAULT 0,
    ended_by          TEXT   NOT NULL DEFAULT '',
    cause             TEXT   NOT NULL DEFAULT '',
    granted           TEXT   NOT NULL DEFAULT '[]',
    consent           BYTEA,
    consent_signature BYTEA,
    ending            BYTEA,
    ending_signature  BYTEA,
    folder            TEXT   NOT NULL DEFAULT '',
    head_seq          BIGINT NOT NULL DEFAULT 0,
    head              TEXT   NOT NULL DEFAULT '',
    note              TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX visits_asked ON visits (asked_at);
CREATE INDEX visits_technician ON visits (technician, asked_at);
CREATE INDEX visits_device ON visits (device, asked_at);
CREATE INDEX visits_state ON visits (state, asked_at);
