-- +goose Up
-- attended or unattended, as the device itself has it; '' is attended.
ALTER TABLE devices ADD COLUMN class TEXT NOT NULL DEFAULT '';
