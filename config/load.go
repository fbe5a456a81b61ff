package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxFileBytes bounds the configuration file and each file of secrets, against a wrong path such as a
// database's.
const maxFileBytes = 256 << 10

// Load reads the configuration file at path, and the environment (in the form of [os.Environ]). An empty
// path means no file. What checks find is put beside what [Config.Validate] finds, if that is nothing: the
// keys in their problems get a file and a line. The error is of type [Problems].
func Load(path string, env []string, checks ...func(*Config) Problems) (*Config, error) {
	cfg := Default()
	l := newLoader(&cfg, path, env)
	whole := path == "" || l.readFile()
	l.readEnvironment()
	l.readSecretFiles()
	l.findMasterKey()
	if whole { // else what is missing would be blamed for standing behind the fault
		l.validate((*Config).Validate)
	}
	for _, check := range checks {
		if len(l.problems) == 0 {
			l.validate(check)
		}
	}
	if len(l.problems) > 0 {
		l.problems.sort()
		return nil, l.problems
	}
	return &cfg, nil
}

// loader fills in a configuration and remembers where each value came from.
type loader struct {
	cfg      *Config
	path     string
	env      map[string]string
	fields   []field
	byKey    map[string]field
	origins  map[string]Problem // by key: the place that set it, in the form of a problem without message
	problems Problems
}

func newLoader(cfg *Config, path string, env []string) *loader {
	l := &loader{
		cfg:     cfg,
		path:    path,
		env:     make(map[string]string, len(env)),
		fields:  cfg.fields(),
		byKey:   make(map[string]field),
		origins: make(map[string]Problem),
	}
	for _, f := range l.fields {
		l.byKey[f.key] = f
	}
	for _, entry := range env {
		if name, value, ok := strings.Cut(entry, "="); ok {
			l.env[name] = value
		}
	}
	return l
}

// readFile reports whether the file could be read to its end.
func (l *loader) readFile() bool {
	data, err := readFile(l.path, nil)
	if err != nil {
		l.report(Problem{File: l.path}, "%v", err)
		return false
	}
	d := newDocument(l.fields)
	d.read(data)
	l.problems = d.problems
	for _, s := range d.settings {
		l.set(l.byKey[s.key], s.raw, Problem{File: l.path, Line: s.line, Key: s.key})
	}
	// On a line with a problem the decoder only says the same in its own words.
	if p, ok := d.doubt(); ok && !l.problems.onLine(p.Line) {
		l.problems = append(l.problems, p)
	}
	for i := range l.problems {
		l.problems[i].File = l.path
	}
	return !d.broken
}

// set stores a value that came from a place.
func (l *loader) set(f field, raw any, from Problem) {
	l.origins[f.key] = from
	for _, fault := range assign(f.value, raw) {
		l.report(from, "%s", fault)
	}
}

// origin returns the place that set the key, or just the key.
func (l *loader) origin(key string) Problem {
	if from, ok := l.origins[key]; ok {
		return from
	}
	return Problem{Key: key}
}

func (l *loader) report(at Problem, format string, args ...any) {
	at.Message = fmt.Sprintf(format, args...)
	l.problems = append(l.problems, at)
}

// validate adds what a check finds, at the places where it is to be corrected. A value that
// couldn't be read has been reported, and what the default in its stead leads to would only confuse.
func (l *loader) validate(check func(*Config) Problems) {
	read := l.problems
	for _, p := range check(l.cfg) {
		if at := l.origin(p.Key); !read.about(at.Key) {
			l.report(at, "%s", p.Message)
		}
	}
}

// readFile returns a file's content, if check (nil: none) finds nothing wrong with the file that was opened.
// Its errors don't name the file.
func readFile(path string, check func(fs.FileInfo) error) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	if check != nil {
		info, err := f.Stat()
		if err != nil {
			return nil, cause(err)
		}
		if err := check(info); err != nil {
			return nil, err
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("is larger than %v", Size(maxFileBytes))
	}
	return data, nil
}

// cause leaves out the path, which stands in front of the problem, and the name of the system call.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
