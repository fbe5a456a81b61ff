// Package config owns the settings of the installation: what they are called, what they are when nobody
// says anything, how they are read from a TOML file, from files that hold secrets and from the
// environment, and which values are impossible.
//
// [Load] reads in one order: [Default], the file, the environment. A secret x can also come from the file
// that x_file names. What comes later wins.
//
// The promise: a [Config] that Load returns is complete and possible, and where Load refuses, its
// [Problems] name every fault at once, each with the file and line, or the environment variable, that is
// to be corrected. No problem ever shows a secret. The package reads the configuration file and the files
// of secrets, and neither opens, creates nor dials anything else.
package config
