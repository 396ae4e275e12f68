-- +goose Up
-- When an admin retired the device; 0 is never. Its visits still name its key, so
-- the row stays, under its fingerprint for a name, and its name is free.
ALTER TABLE devices ADD COLUMN retired_at BIGINT NOT NULL DEFAULT 0;
