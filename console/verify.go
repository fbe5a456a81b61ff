package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cubeconnect/webhook"
)

// tolerance is how old a request may be for a receiver, as the documentation recommends.
const tolerance = 5 * time.Minute

type verifyPage struct {
	frame
	Form      form
	Endpoints []offer
	At        string // path
	Back      string // path
	Checked   bool
	Verdict   finding
	Forms     []signatureForm
}

// finding is one thing that was looked at.
type finding struct {
	Kind string // of the badge
	Text string
	More string // empty: nothing to add
}

// signatureForm is what was found of one of the two forms of signature.
type signatureForm struct {
	Name     string
	Findings []finding
}

// checkSignature says which part of a signed request is wrong. It changes nothing; it is a POST because of the secret.
func (q *request) checkSignature() error {
	t, err := q.tenantOf()
	if err != nil {
		return err
	}
	f := q.filters()
	if q.posted() {
		if f, err = q.parseForm(); err != nil {
			return err
		}
	}
	at, chosen := tenantURL(t.ID), f.id("endpoint")
	p := &verifyPage{frame: q.frameOf(&t, q.lang.must("verify.title"), at+"/deliveries"), Form: f, At: at + "/verify", Back: at + "/deliveries"}
	var endpoints map[uint32]*webhook.Endpoint
	if p.Endpoints, endpoints, err = q.endpointOffers(t.ID, chosen); err != nil {
		return err
	}
	if !q.posted() {
		return q.render(http.StatusOK, "verify", p)
	}
	x := &examination{q: q, tenant: t.ID, header: parseHeaders(f.Value("headers")), now: q.c.now()}
	e, entered := endpoints[chosen], f.Text("secret")
	switch {
	case chosen != 0 && e == nil:
		f.faults.Add("endpoint", "is none of these")
	case e == nil && entered == "" && !f.Wrong():
		f.faults.Add("secret", "is required")
	case e != nil && entered == "" && e.Secret.IsZero():
		f.faults.Add("endpoint", "has no signing secret")
	}
	if len(x.header) == 0 {
		f.faults.Add("headers", "has no signature headers")
	}
	if f.Wrong() {
		return q.render(http.StatusUnprocessableEntity, "verify", p)
	}
	x.addSecrets(entered, e)
	if err := x.addBodies(f.Value("body")); err != nil {
		return err
	}
	p.Checked = true
	p.Verdict, p.Forms = x.result()
	return q.render(http.StatusOK, "verify", p)
}

// signatureHeaders are the headers that verification needs; others are passed over.
var signatureHeaders = []string{
	"X-Webhook-Id", "X-Webhook-Timestamp", "X-Webhook-Signature", "X-Webhook-Signature-Previous", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature",
}

// headerLine is a header in a log, a command line, a dump of PHP's or of an object: name and value.
var headerLine = regexp.MustCompile(`^[\s\-H'"\[{]*?((?i:HTTP_)?[A-Za-z0-9_-]+)['"\]]*\s*(?::|=>|=)\s*(.*)$`)

// parseHeaders reads headers in whatever form they were copied.
func parseHeaders(text string) http.Header {
	h := http.Header{}
	put := func(name, value string) {
		name = strings.ReplaceAll(strings.TrimPrefix(strings.ToUpper(name), "HTTP_"), "_", "-")
		for _, known := range signatureHeaders {
			if strings.EqualFold(known, name) && value != "" {
				h.Set(known, value)
			}
		}
	}
	var object map[string]any
	if json.Unmarshal([]byte(text), &object) == nil {
		for name, value := range object {
			if list, ok := value.([]any); ok && len(list) > 0 {
				value = list[0]
			}
			put(name, fmt.Sprint(value))
		}
		return h
	}
	for line := range strings.Lines(text) {
		if m := headerLine.FindStringSubmatch(strings.TrimRight(line, "\r\n \t\\")); m != nil {
			put(m[1], strings.Trim(m[2], " \t'\"[],;"))
		}
	}
	return h
}

// examination finds out how a request was signed.
type examination struct {
	q       *request
	tenant  uint32
	header  http.Header
	now     time.Time
	secrets []candidateSecret // the first is the one that it should be
	bodies  []candidateBody   // likewise
	sent    []byte            // what was sent, if the event is known
}

type candidateSecret struct {
	Key, More string // of what it means if it is this one; empty: it should be
	Secret    webhook.Secret
}

type candidateBody struct {
	Key  string // of what it means if it is this one; empty: it should be
	Body []byte
}

// addSecrets gathers the secrets that may have signed: what was entered stands for the receiver's.
func (x *examination) addSecrets(entered string, e *webhook.Endpoint) {
	add := func(s webhook.Secret, key, more string) {
		for _, c := range x.secrets {
			if c.Secret == s {
				return
			}
		}
		if !s.IsZero() {
			x.secrets = append(x.secrets, candidateSecret{key, more, s})
		}
	}
	if entered != "" {
		add(webhook.NewSecret(entered), "", "")
		add(webhook.NewSecret("whsec_"+entered), "verify.secret.prefix", "verify.secret.prefix.more")
	}
	if e == nil {
		return
	}
	if entered == "" {
		add(e.Secret, "", "")
	}
	add(e.Secret, "verify.secret.current", "verify.secret.current.more")
	add(e.OldSecret, "verify.secret.old", "verify.secret.old.more")
}

// addBodies gathers what the body may have been. A browser's form writes each line's end as CR LF, so that of
// these nothing can be told.
func (x *examination) addBodies(pasted string) error {
	body := []byte(strings.ReplaceAll(pasted, "\r\n", "\n"))
	add := func(key string, b []byte) {
		for _, c := range x.bodies {
			if bytes.Equal(c.Body, b) {
				return
			}
		}
		x.bodies = append(x.bodies, candidateBody{key, b})
	}
	add("", body)
	add("", []byte(pasted))
	add("verify.body.space", bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff"))))
	var compact bytes.Buffer
	if json.Compact(&compact, body) == nil {
		add("verify.body.json", compact.Bytes())
	}
	for _, end := range []string{"\n", "\r\n"} {
		add("verify.body.newline", slices.Concat(bytes.TrimRight(body, "\r\n"), []byte(end)))
	}
	return x.addSent(add)
}

// addSent adds what was really sent, where the event is one that is kept.
func (x *examination) addSent(add func(string, []byte)) error {
	for _, name := range []string{"X-Webhook-Id", "Webhook-Id"} {
		id, err := webhook.ParseID(x.header.Get(name))
		if err != nil {
			continue
		}
		e, _, err := x.q.c.store.Event(x.q.Context(), x.tenant, id)
		if errors.Is(err, webhook.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		for _, raw := range []bool{false, true} {
			add("verify.body.sent", e.Body(raw))
		}
		x.sent = e.Payload
		return nil
	}
	return nil
}

// match is how a signature came about: with which secret, over which body.
type match struct {
	secret *candidateSecret
	body   *candidateBody
	beside bool // in X-Webhook-Signature-Previous
}

// matches finds what each form's signature was made with; nil: nothing that is known.
func (x *examination) matches() (own, standard *match) {
	for i := range x.secrets {
		for j := range x.bodies {
			s, b := &x.secrets[i], &x.bodies[j]
			isOwn, previous, isStandard := x.q.c.match(s.Secret, x.header, b.Body)
			if own == nil && (isOwn || previous) {
				own = &match{s, b, !isOwn}
			}
			if standard == nil && isStandard {
				standard = &match{s, b, false}
			}
		}
	}
	return own, standard
}

func (x *examination) say(kind, key string, args ...any) finding {
	return finding{Kind: kind, Text: x.q.lang.must(key, args...)}
}

func (x *examination) result() (finding, []signatureForm) {
	ownMatch, standardMatch := x.matches()
	forms := []signatureForm{
		{"X-Webhook-Signature", x.own(ownMatch)},
		{"Standard Webhooks", x.standard(standardMatch)},
	}
	verdict, found := x.say("good", "verify.good"), false
	for i := range forms {
		for _, f := range forms[i].Findings {
			found = found || f.Kind != "off"
			switch {
			case f.Kind == "bad" && verdict.Kind != "bad":
				verdict = x.say("bad", "verify.bad")
			case f.Kind == "warn" && verdict.Kind == "good":
				verdict = x.say("warn", "verify.warn")
			}
		}
	}
	if !found {
		verdict = x.say("bad", "verify.none")
	}
	return verdict, forms
}

// own looks at the X-Webhook headers.
func (x *examination) own(m *match) (list []finding) {
	const timestamp, signature = "X-Webhook-Timestamp", "X-Webhook-Signature"
	value := x.header.Get(signature)
	if value == "" && x.header.Get(timestamp) == "" && x.header.Get("Webhook-Signature") != "" {
		return []finding{x.say("off", "verify.absent")}
	}
	if s := x.header.Get(timestamp); s == "" {
		list = append(list, x.say("bad", "verify.missing", "name", timestamp))
	} else if at, err := time.Parse(time.RFC3339, s); err != nil {
		list = append(list, x.say("bad", "verify.time.iso", "name", timestamp))
	} else {
		list = append(list, x.age(timestamp, at))
	}
	switch {
	case value == "":
		return append(list, x.say("bad", "verify.missing", "name", signature))
	case m == nil && !hexSignature.MatchString(value):
		return append(list, x.say("bad", "verify.hex", "name", signature))
	}
	return append(list, x.signature(signature, m)...)
}

var hexSignature = regexp.MustCompile(`^[0-9a-f]{64}$`)

// standard looks at the headers of Standard Webhooks.
func (x *examination) standard(m *match) (list []finding) {
	const id, timestamp, signature = "webhook-id", "webhook-timestamp", "webhook-signature"
	value := x.header.Get(signature)
	if value == "" && x.header.Get(timestamp) == "" && x.header.Get("X-Webhook-Signature") != "" {
		return []finding{x.say("off", "verify.absent")}
	}
	if x.header.Get(id) == "" {
		list = append(list, x.say("bad", "verify.missing", "name", id))
	}
	if s := x.header.Get(timestamp); s == "" {
		list = append(list, x.say("bad", "verify.missing", "name", timestamp))
	} else if seconds, err := strconv.ParseInt(s, 10, 64); err != nil || seconds < 0 || seconds > 253402300799 {
		list = append(list, x.say("bad", "verify.time.unix", "name", timestamp))
	} else {
		list = append(list, x.age(timestamp, time.Unix(seconds, 0)))
	}
	switch {
	case value == "":
		return append(list, x.say("bad", "verify.missing", "name", signature))
	case m == nil && !strings.Contains(value, "v1,"):
		return append(list, x.say("bad", "verify.version", "name", signature))
	}
	return append(list, x.signature(signature, m)...)
}

func (x *examination) age(name string, at time.Time) finding {
	switch age := x.now.Sub(at); {
	case age > tolerance:
		f := x.say("warn", "verify.old", "name", name, "age", x.q.lang.span(age))
		f.More = x.q.lang.must("verify.old.more")
		return f
	case age < -tolerance:
		f := x.say("warn", "verify.future", "name", name, "age", x.q.lang.span(age))
		f.More = x.q.lang.must("verify.future.more")
		return f
	}
	return x.say("good", "verify.fresh", "name", name)
}

// signature says what a signature was made with.
func (x *examination) signature(name string, m *match) (list []finding) {
	if m == nil {
		f := x.say("bad", "verify.mismatch", "name", name)
		f.More = x.q.lang.must("verify.mismatch.more")
		if x.sent != nil {
			f.More = x.q.lang.must("verify.mismatch.known")
		}
		return []finding{f}
	}
	if m.secret.Key == "" && m.body.Key == "" && !m.beside {
		return []finding{x.say("good", "verify.right", "name", name)}
	}
	if m.secret.Key != "" {
		f := x.say("bad", m.secret.Key, "name", name)
		f.More = x.q.lang.must(m.secret.More)
		list = append(list, f)
	}
	if m.beside && m.secret.Key == "" {
		f := x.say("warn", "verify.secret.beside")
		f.More = x.q.lang.must("verify.secret.beside.more")
		list = append(list, f)
	}
	if m.body.Key != "" {
		f := x.say("bad", "verify.body", "name", name)
		f.More = x.change(m.body)
		list = append(list, f)
	}
	return list
}

// change says how the body that was pasted differs from the one that was signed.
func (x *examination) change(signed *candidateBody) string {
	if signed.Key != "verify.body.sent" {
		return x.q.lang.must(signed.Key)
	}
	pasted := x.bodies[0].Body
	var a, b any
	if json.Unmarshal(pasted, &a) == nil && json.Unmarshal(signed.Body, &b) == nil && reflect.DeepEqual(a, b) {
		return x.q.lang.must("verify.body.json")
	}
	n := 0
	for n < len(pasted) && n < len(signed.Body) && pasted[n] == signed.Body[n] {
		n++
	}
	return x.q.lang.must("verify.body.sent", "n", grouped(uint64(n+1)), "sent", excerpt(signed.Body, n), "got", excerpt(pasted, n))
}

// excerpt is some of a body from a byte on.
func excerpt(b []byte, from int) string {
	const most = 24
	end := min(from+most, len(b))
	s := strings.ToValidUTF8(string(b[min(from, len(b)):end]), "\uFFFD")
	if end < len(b) {
		s += "…"
	}
	return s
}
