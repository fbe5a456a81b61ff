package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// document is openapi.json as tests read it.
type document struct{ root map[string]any }

func readDocument(t testing.TB) document {
	t.Helper()
	var d document
	if err := json.Unmarshal(openAPIDocument, &d.root); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows a path of names; nil if there is nothing.
func (d document) at(names ...string) any {
	var v any = d.root
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// deref returns what a $ref stands for, or the object itself.
func (d document) deref(v any) map[string]any {
	m, _ := v.(map[string]any)
	for {
		ref, ok := m["$ref"].(string)
		if !ok {
			return m
		}
		m, _ = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...).(map[string]any)
	}
}

var documented = regexp.MustCompile(`\{([a-z]+)(\.\.\.)?\}`)

// pathOf spells a route's pattern as the document does.
func pathOf(pattern string) string { return documented.ReplaceAllString(pattern, "{$1}") }

// answer returns the schema of an answer to a request, nil if it isn't documented.
func (d document) answer(method, path string, status int) any {
	if method == "HEAD" {
		method = "GET"
	}
	for pattern := range d.at("paths").(map[string]any) {
		expr := strings.ReplaceAll(pattern, "{wamid}", ".+")
		if !regexp.MustCompile("^" + documented.ReplaceAllString(expr, "[^/]+") + "$").MatchString(path) {
			continue
		}
		if d.at("paths", pattern, strings.ToLower(method)) == nil {
			continue // /audit/reprocess has the form of /audit/{id}
		}
		res := d.deref(d.at("paths", pattern, strings.ToLower(method), "responses", fmt.Sprint(status)))
		content, _ := res["content"].(map[string]any)
		media, _ := content["application/json"].(map[string]any)
		return media["schema"]
	}
	return nil
}

// check returns how a value departs from a schema. It knows as much of JSON Schema as the document uses,
// and is stricter in one thing: an object has no members that its schema doesn't name.
func (d document) check(schema, value any, path string) []string {
	s := d.deref(schema)
	faults := d.parts(s, value, path)
	if m, ok := value.(map[string]any); ok {
		if names, open := d.names(s); !open && len(names) > 0 {
			for name := range m {
				if !names[name] {
					faults = append(faults, path+"."+name+" is not documented")
				}
			}
		}
	}
	return faults
}

func (d document) parts(s map[string]any, value any, path string) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, path+": "+fmt.Sprintf(format, args...))
	}
	if types := list(s["type"]); types != nil && !slices.ContainsFunc(types, func(t any) bool { return is(t.(string), value) }) {
		fault("%v is no %v", value, types)
		return faults
	}
	if enum := list(s["enum"]); enum != nil && !slices.Contains(enum, value) {
		fault("%v is none of %v", value, enum)
	}
	if want, ok := s["const"]; ok && value != want {
		fault("%v is not %v", value, want)
	}
	if text, ok := value.(string); ok {
		if pattern, ok := s["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(text) {
			fault("%q does not match %s", text, pattern)
		}
	}
	for _, part := range list(s["allOf"]) {
		faults = append(faults, d.parts(d.deref(part), value, path)...)
	}
	if choices := list(s["anyOf"]); choices != nil && !slices.ContainsFunc(choices, func(c any) bool { return len(d.check(c, value, path)) == 0 }) {
		fault("%v fits no choice", value)
	}
	if items, ok := value.([]any); ok && s["items"] != nil {
		for i, item := range items {
			faults = append(faults, d.check(s["items"], item, fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	m, ok := value.(map[string]any)
	if !ok {
		return faults
	}
	for _, name := range list(s["required"]) {
		if _, ok := m[name.(string)]; !ok {
			fault("%s is missing", name)
		}
	}
	properties, _ := s["properties"].(map[string]any)
	for name, member := range m {
		if p, ok := properties[name]; ok {
			faults = append(faults, d.check(p, member, path+"."+name)...)
		} else if rest, ok := s["additionalProperties"].(map[string]any); ok {
			faults = append(faults, d.check(rest, member, path+"."+name)...)
		}
	}
	return faults
}

// names returns the members that a schema names, and whether it allows others.
func (d document) names(s map[string]any) (names map[string]bool, open bool) {
	names = map[string]bool{}
	properties, _ := s["properties"].(map[string]any)
	for name := range properties {
		names[name] = true
	}
	if rest, ok := s["additionalProperties"]; ok && rest != false {
		open = true
	}
	for _, part := range list(s["allOf"]) {
		more, also := d.names(d.deref(part))
		maps.Copy(names, more)
		open = open || also
	}
	return names, open
}

// list returns a value as a list: nil for nil, one element for what is no list.
func list(v any) []any {
	if l, ok := v.([]any); ok || v == nil {
		return l
	}
	return []any{v}
}

func is(kind string, value any) bool {
	switch v := value.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case []any:
		return kind == "array"
	}
	return kind == "object"
}

func TestDocumentHasEveryRoute(t *testing.T) {
	d := readDocument(t)
	want := map[string]bool{}
	for _, r := range New(Options{}).Routes(Local) {
		want[strings.ToLower(r.Method)+" "+pathOf(r.Pattern)] = true
	}
	got := map[string]bool{}
	for path, item := range d.at("paths").(map[string]any) {
		for method := range item.(map[string]any) {
			got[method+" "+path] = true
		}
	}
	for _, route := range slices.Sorted(maps.Keys(want)) {
		if !got[route] {
			t.Errorf("%s is not in openapi.json", route)
		}
	}
	for _, route := range slices.Sorted(maps.Keys(got)) {
		if !want[route] {
			t.Errorf("%s is only in openapi.json", route)
		}
	}
}

// walk calls visit with every object of a document.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, member := range v {
			walk(member, visit)
		}
	case []any:
		for _, item := range v {
			walk(item, visit)
		}
	}
}

func TestDocumentHoldsTogether(t *testing.T) {
	d := readDocument(t)
	used := map[string]bool{}
	walk(d.root, func(m map[string]any) {
		ref, ok := m["$ref"].(string)
		if !ok {
			return
		}
		used[ref] = true
		if d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...) == nil {
			t.Errorf("%s leads nowhere", ref)
		}
	})
	for _, kind := range []string{"schemas", "parameters", "responses"} {
		for name := range d.at("components", kind).(map[string]any) {
			if !used["#/components/"+kind+"/"+name] {
				t.Errorf("%s %s is not used", kind, name)
			}
		}
	}
	ids, tags := map[string]bool{}, map[string]bool{}
	for _, tag := range list(d.at("tags")) {
		tags[tag.(map[string]any)["name"].(string)] = true
	}
	for path, item := range d.at("paths").(map[string]any) {
		for method, op := range item.(map[string]any) {
			o := op.(map[string]any)
			id, _ := o["operationId"].(string)
			if id == "" || ids[id] {
				t.Errorf("%s %s: operationId %q", method, path, id)
			}
			ids[id] = true
			for _, tag := range list(o["tags"]) {
				if !tags[tag.(string)] {
					t.Errorf("%s %s: tag %s", method, path, tag)
				}
			}
			d.checkParameters(t, path, o)
		}
	}
}

// checkParameters compares the braces of a path with the parameters of an operation.
func (d document) checkParameters(t *testing.T, path string, op map[string]any) {
	var want, got []string
	for _, m := range documented.FindAllStringSubmatch(path, -1) {
		want = append(want, m[1])
	}
	for _, p := range list(op["parameters"]) {
		if p := d.deref(p); p["in"] == "path" {
			got = append(got, p["name"].(string))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s %s: path parameters %q", path, op["operationId"], got)
	}
}

func TestDocumentListsTheWords(t *testing.T) {
	d := readDocument(t)
	for name, want := range map[string][]string{
		"EventType": webhook.EventTypes, "DeliveryStatus": deliveryStatuses, "AuditOutcome": auditOutcomes(), "Action": names(webhook.Actions), "ActorKind": names(webhook.ActorKinds),
	} {
		if got := list(d.at("components", "schemas", name, "enum")); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	classes := list(d.at("components", "schemas", "ErrorClass", "enum"))
	for _, class := range webhook.ErrorClasses {
		if !slices.Contains(classes, any(string(class))) {
			t.Errorf("ErrorClass lacks %s", class)
		}
	}
	for _, name := range list(d.at("components", "schemas", "PublishableEventType", "enum")) {
		if why, ok := webhook.IsPublishable(name.(string)); !ok {
			t.Errorf("PublishableEventType: %s", why)
		}
	}
	codes := list(d.at("components", "schemas", "Error", "properties", "error", "properties", "code", "enum"))
	for _, code := range []string{web.CodeAuthenticationRequired, web.CodeInvalidAPIKey, web.CodeForbidden, web.CodeNotFound, web.CodeMethodNotAllowed, web.CodeConflict, web.CodeValidation, web.CodeRateLimited, web.CodeInternal, web.CodeDegraded} {
		if !slices.Contains(codes, any(code)) {
			t.Errorf("Error lacks %s", code)
		}
	}
}

func TestDocumentNeedsNoKey(t *testing.T) {
	f := newFixture(t)
	res := f.request(t, "GET", "/api/openapi.json", "", nil)
	if res.Code != 200 || res.Header().Get("Content-Type") != "application/json" || !json.Valid(res.Body.Bytes()) {
		t.Errorf("%d %s", res.Code, res.Header())
	}
}
