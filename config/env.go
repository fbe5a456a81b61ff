package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// readEnvironment lets environment variables override what the file says.
func (l *loader) readEnvironment() {
	l.overrideTwins()
	for _, f := range l.fields {
		if text, ok := l.env[f.env]; ok {
			l.set(f, fromText(f.value.Type(), text), Problem{Key: f.env})
		}
	}
	l.reportUnknownVariables()
}

// overrideTwins makes the environment's word on a secret, in either form, replace the file's in both:
// the file's other form is no contradiction to it.
func (l *loader) overrideTwins() {
	for secret, file := range l.secrets() {
		_, direct := l.env[secret.env]
		_, named := l.env[file.env]
		if direct || named {
			secret.value.SetZero()
			file.value.SetZero()
		}
	}
}

// reportUnknownVariables keeps a misspelt variable from being silently without effect.
func (l *loader) reportUnknownVariables() {
	known := make([]string, len(l.fields))
	for i, f := range l.fields {
		known[i] = strings.TrimPrefix(f.env, envPrefix)
	}
	for _, name := range slices.Sorted(maps.Keys(l.env)) {
		rest, ours := strings.CutPrefix(name, envPrefix)
		if !ours || slices.Contains(known, rest) || isServiceLink(name, l.env[name]) {
			continue
		}
		l.report(Problem{Key: name}, "unknown variable%s", didYouMean(envPrefix+"%s", suggest(rest, "_", known)))
	}
}

// isServiceLink recognises what Kubernetes puts into every container about a service that happens to be
// called cubeconnect: nobody wrote it and nobody can correct it.
func isServiceLink(name, value string) bool {
	if strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://") {
		return true
	}
	link := regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)
	return link.MatchString(name)
}
