package console

import (
	"embed"
	"fmt"

	"cubeconnect/webhook"
)

// newSecret makes a signing secret, which the endpoint's page shows this once. Where there is one already
// it asks first.
func (q *request) newSecret() error {
	t, e, err := q.endpointOf()
	if err != nil {
		return err
	}
	if q.posted() {
		secret := webhook.GenerateSecret()
		if err := q.c.admin.SetSecret(q.Context(), t.ID, e.ID, secret); err != nil {
			return err
		}
		return q.done(endpointURL(&e), note{Text: "secret.made", Secret: secret.Reveal()})
	}
	return q.confirm(&confirmation{
		frame: q.frameOf(&t, q.lang.must("secret.new.title"), tenantURL(t.ID)+"/webhook"),
		Texts: []string{e.URL, q.lang.must("secret.new.text")}, Button: q.lang.must("secret.new"), Cancel: endpointURL(&e),
	})
}

func (q *request) removeSecret() error {
	t, e, err := q.endpointOf()
	if err != nil {
		return err
	}
	if q.posted() {
		if err := q.c.admin.SetSecret(q.Context(), t.ID, e.ID, webhook.Secret{}); err != nil {
			return err
		}
		return q.done(endpointURL(&e), note{Text: "secret.removed"})
	}
	return q.confirm(&confirmation{
		frame: q.frameOf(&t, q.lang.must("secret.remove.title"), tenantURL(t.ID)+"/webhook"),
		Texts: []string{e.URL, q.lang.must("secret.remove.text")}, Button: q.lang.must("secret.remove"), Cancel: endpointURL(&e),
	})
}

//go:embed code
var codeFiles embed.FS

// sample is code that verifies a signature.
type sample struct{ ID, Language, Code string }

// samples are the same as in docs/receiving.md.
var samples = []sample{
	{"php", "PHP", readSample("verify.php")},
	{"js", "JavaScript", readSample("verify.js")},
	{"python", "Python", readSample("verify.py")},
	{"go", "Go", readSample("verify.go.txt")},
}

func readSample(name string) string {
	b, err := codeFiles.ReadFile("code/" + name)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err)) // it is part of the program
	}
	return string(b)
}
