-- +goose Up
-- A device without an agent: the fingerprint of the SSH key with which it holds
-- its link, the key that its own sshd must show, and the account to log in as.
-- All are '' for a device with an agent.
ALTER TABLE devices ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN sshd_key TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN sshd_login TEXT NOT NULL DEFAULT '';
-- One key holds the link of one device.
CREATE UNIQUE INDEX devices_holder ON devices (holder) WHERE holder <> '' AND retired_at = 0;
-- Whether a token lets a device without an agent join, or one with.
ALTER TABLE tokens ADD COLUMN agentless BOOLEAN NOT NULL DEFAULT FALSE;
