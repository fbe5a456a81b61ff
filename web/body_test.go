package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"cubeconnect/webhook"
)

type bodyFields struct {
	name    *string
	count   *uint32
	flag    *bool
	list    *[]string
	headers *map[string]string
	wait    *webhook.Duration
	null    bool
}

// readBody posts a body to a handler that reads some members.
func readBody(t *testing.T, body io.Reader, limit int64) (f bodyFields, err error) {
	t.Helper()
	route := Route{Method: "POST", Pattern: "/x", MaxBody: limit, Handler: JSON(func(r *Request) (Answer, error) {
		b, err := r.Body()
		if err != nil {
			return Answer{}, err
		}
		f.name, f.count, f.flag = Member[string](b, "name"), Member[uint32](b, "count"), Member[bool](b, "flag")
		f.list, f.headers = Member[[]string](b, "list"), Member[map[string]string](b, "headers")
		f.wait, f.null = NullableMember[webhook.Duration](b, "wait")
		b.ReadOnly("id")
		return Answer{}, b.Err()
	})}
	// The error is what matters here, not its form.
	inner := route.Handler
	route.Handler = func(w http.ResponseWriter, r *Request) error { err = inner(w, r); return nil }
	serve(t, httptest.NewRequest("POST", "/x", body), route)
	return f, err
}

func TestBody(t *testing.T) {
	f, err := readBody(t, strings.NewReader(` {"name":"n","count":4294967295,"flag":false,"list":[],"headers":{"a":"b"},"wait":"10s"} `), 0)
	if err != nil {
		t.Fatal(err)
	}
	if *f.name != "n" || *f.count != 4294967295 || *f.flag || *f.list == nil || (*f.headers)["a"] != "b" || f.wait.String() != "10s" {
		t.Errorf("%+v", f)
	}
	if f, err := readBody(t, strings.NewReader(`{"wait":null}`), 0); err != nil || f.wait != nil || !f.null || f.name != nil {
		t.Errorf("%+v, %v", f, err)
	}
	if f, err := readBody(t, strings.NewReader(`{}`), 0); err != nil || !reflect.DeepEqual(f, bodyFields{}) {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestBodyRefuses(t *testing.T) {
	for body, want := range map[string]webhook.FieldErrors{
		``:                      {"body": {"is empty: a JSON object is expected"}},
		`null`:                  {"body": {"must be a JSON object"}},
		`[]`:                    {"body": {"must be a JSON object"}},
		`"x"`:                   {"body": {"must be a JSON object"}},
		`{`:                     {"body": {"is not JSON (at byte 1: unexpected end of JSON input)"}},
		`{} {}`:                 {"body": {"is not JSON (at byte 4: invalid character '{' after top-level value)"}},
		`name=n`:                {"body": {"is not JSON (at byte 2: invalid character 'a' in literal null (expecting 'u'))"}},
		"{\"name\":\"\xff\"}":   {"body": {"is not UTF-8"}},
		`{"name":1}`:            {"name": {"must be a string"}},
		`{"name":null}`:         {"name": {"must be a string, not null"}},
		`{"Name":"n"}`:          {"Name": {"is unknown; known are count, flag, headers, id, list, name, wait"}},
		`{"count":-1}`:          {"count": {"must be an integer from 0 on, not -1"}},
		`{"count":1.5}`:         {"count": {"must be an integer from 0 on, not 1.5"}},
		`{"count":4294967296}`:  {"count": {"must be an integer from 0 on, not 4294967296"}},
		`{"count":"1"}`:         {"count": {"must be an integer from 0 on"}},
		`{"flag":"yes"}`:        {"flag": {"must be true or false"}},
		`{"list":"x"}`:          {"list": {"must be a list in which each element is a string"}},
		`{"list":[1]}`:          {"list": {"must be a list in which each element is a string"}},
		`{"headers":{"a":1}}`:   {"headers": {"must be an object in which each value is a string"}},
		`{"wait":"soon"}`:       {"wait": {`"soon" is not a duration such as 10s, 5m, 24h or 30d`}},
		`{"wait":[]}`:           {"wait": {`[] is not a duration such as "10s"`}},
		`{"id":1}`:              {"id": {"can't be set here"}},
		`{"name":1,"flag":1}`:   {"name": {"must be a string"}, "flag": {"must be true or false"}},
		`{"name":"a","name":1}`: {"name": {"must be a string"}},
	} {
		t.Run(body, func(t *testing.T) {
			_, err := readBody(t, strings.NewReader(body), 0)
			var got webhook.FieldErrors
			if !errors.As(err, &got) || !reflect.DeepEqual(got, want) {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
}

func TestBodyBounds(t *testing.T) {
	if _, err := readBody(t, strings.NewReader(`{"name":"`+strings.Repeat("x", DefaultMaxBody)+`"}`), 0); Status(err).Status != 413 {
		t.Errorf("default limit: %v", err)
	}
	if _, err := readBody(t, strings.NewReader(`{"name":"12345"}`), 15); Status(err).Status != 413 {
		t.Errorf("own limit: %v", err)
	}
	if _, err := readBody(t, strings.NewReader(`{"name":"`+strings.Repeat("x", DefaultMaxBody)+`"}`), -1); err != nil {
		t.Errorf("no limit: %v", err)
	}
	if _, err := readBody(t, iotest.ErrReader(io.ErrUnexpectedEOF), 0); Status(err).Status != 422 {
		t.Errorf("a body cut short: %v", err)
	}
	if _, err := readBody(t, strings.NewReader(strings.Repeat(`{"a":`, 20000)), 0); Status(err).Status != 422 {
		t.Errorf("a deep body: %v", err)
	}
	var hostile bytes.Buffer
	hostile.WriteString(`{"wait":"` + strings.Repeat("9", 1000) + `"`)
	for i := range 1000 {
		name, _ := json.Marshal(strings.Repeat("é", 500+i))
		hostile.WriteString("," + string(name) + ":0")
	}
	hostile.WriteString("}")
	if _, err := readBody(t, &hostile, -1); err == nil || len(err.Error()) > 4<<10 {
		t.Errorf("the answer to a hostile body has %d bytes", len(err.Error()))
	}
}

func TestOptionalBody(t *testing.T) {
	for body, ok := range map[string]bool{"": true, "{}": true, " ": false, "null": false, `{"a":1}`: false} {
		var err error
		serve(t, httptest.NewRequest("POST", "/x", strings.NewReader(body)), Route{Method: "POST", Pattern: "/x", Handler: func(_ http.ResponseWriter, r *Request) error {
			var b *Body
			if b, err = r.OptionalBody(); err == nil {
				err = b.Err()
			}
			return nil
		}})
		if (err == nil) != ok {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestCheckKeepsFirstFault(t *testing.T) {
	b := &Body{faults: webhook.FieldErrors{"a": {"must be a string"}}}
	b.Check(webhook.FieldErrors{"a": {"is required"}, "b": {"is required"}})
	if want := (webhook.FieldErrors{"a": {"must be a string"}, "b": {"is required"}}); !reflect.DeepEqual(b.faults, want) {
		t.Errorf("%v", b.faults)
	}
}
