-- +goose Up
-- The last order that an admin gave a device to run another release, and what
-- became of it. back is an order to run again what ran before; then version is ''
-- until the device says which that is, and manifest, the SHA-256 of what was
-- signed, is ''.
CREATE TABLE updates (
    device     TEXT PRIMARY KEY,
    version    TEXT NOT NULL,
    manifest   TEXT NOT NULL,
    back       BOOLEAN NOT NULL,
    ordered_by TEXT NOT NULL,
    ordered_at BIGINT NOT NULL,
    state      TEXT NOT NULL,
    why        TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);
