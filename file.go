package main

import (
	"strings"

	"accord/agent"
	"accord/config"
	"accord/gateway"
	"accord/policy"
	"accord/recordings"
)

// File is the whole configuration.
type File struct {
	Gateway    gateway.Config    `toml:"gateway"`
	Agent      agent.Config      `toml:"agent"`
	Recordings recordings.Config `toml:"recordings"`
	Policy     policy.Config     `toml:"policy"`
	People     []policy.Person   `toml:"people"`

	Authorities []policy.Authority   `toml:"authorities"`
	Charter     policy.CharterConfig `toml:"charter"`

	digest string // SHA-256 of the file, in hex; known of a trusted one only
}

// defaults are what is in force without a file.
func defaults() File {
	return File{
		Gateway: gateway.Defaults(), Agent: agent.Defaults(),
		Recordings: recordings.Default(), Policy: policy.Defaults(),
	}
}

// Check refuses what can't be; its errors name the key.
func (f *File) Check() error {
	if err := config.Under("gateway", f.Gateway.Check()); err != nil {
		return err
	}
	if err := config.Under("agent", f.Agent.Check()); err != nil {
		return err
	}
	if err := f.Recordings.Check(); err != nil {
		// The errors of recordings begin with their whole key.
		key, sentence, _ := strings.Cut(err.Error(), " ")
		return config.Bad{Key: key, Sentence: sentence}
	}
	if _, err := policy.NewRulebook(f.Policy, f.People); err != nil {
		return config.Under("policy", err)
	}
	if err := config.Under("charter", f.Charter.Check()); err != nil {
		return err
	}
	if err := config.Under("authorities", policy.CheckAuthorities(f.Authorities)); err != nil {
		return err
	}
	_, err := policy.NewPeople(f.People, f.Authorities)
	return config.Under("people", err)
}

// readFile reads the configuration at path; without a path it is the defaults.
// With trusted it refuses a file that another account could change.
func readFile(path string, trusted bool) (File, error) {
	f := defaults()
	if path == "" {
		return f, f.Check()
	}
	var err error
	if trusted {
		f.digest, err = config.ReadTrusted(path, &f)
	} else {
		err = config.Read(path, &f)
	}
	return f, err
}
