-- +goose Up
-- facts is what the device told of itself last, at told_at; '' is nothing.
ALTER TABLE devices ADD COLUMN facts TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN told_at BIGINT NOT NULL DEFAULT 0;
