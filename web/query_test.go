package web

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

type queryFields struct {
	page   webhook.Page
	span   webhook.Range
	number uint32
	word   string
}

func readQuery(t *testing.T, query string) (f queryFields, faults []string) {
	t.Helper()
	r := httptest.NewRequest("GET", "/x", nil)
	r.URL.RawQuery = query // as hostile as it comes
	serve(t, r, Route{Method: "GET", Pattern: "/x", Handler: func(_ http.ResponseWriter, r *Request) error {
		q := r.Query()
		f = queryFields{q.Page(), q.Range(), q.Number("number"), q.OneOf("word", "a", "b")}
		err, _ := q.Err().(webhook.FieldErrors)
		faults = slices.Sorted(maps.Keys(err))
		return nil
	}})
	return f, faults
}

func TestQuery(t *testing.T) {
	march := time.Date(2026, 3, 10, 11, 30, 0, 0, time.UTC)
	for query, want := range map[string]queryFields{
		"":                                      {page: webhook.Page{Limit: 50}},
		"limit=&cursor=&since=&number=&word=":   {page: webhook.Page{Limit: 50}},
		"limit=200&cursor=c":                    {page: webhook.Page{Limit: 200, Cursor: "c"}},
		"number=7&word=b":                       {page: webhook.Page{Limit: 50}, number: 7, word: "b"},
		"since=2026-03-10T14:30:00%2B03:00":     {page: webhook.Page{Limit: 50}, span: webhook.Range{Since: march}},
		"since=2026-03-10T14:30:00+03:00":       {page: webhook.Page{Limit: 50}, span: webhook.Range{Since: march}},
		"since=1773142200&until=1773142200":     {page: webhook.Page{Limit: 50}, span: webhook.Range{Since: march, Until: march}},
		"until=2026-03-10":                      {page: webhook.Page{Limit: 50}, span: webhook.Range{Until: march.Truncate(24 * time.Hour)}},
		"until=2026-03-10T11:30:00.5Z&limit=01": {page: webhook.Page{Limit: 1}, span: webhook.Range{Until: march.Add(time.Second / 2)}},
	} {
		if got, faults := readQuery(t, query); got != want || faults != nil {
			t.Errorf("%s: %+v, %v", query, got, faults)
		}
	}
}

func TestQueryRefuses(t *testing.T) {
	for query, want := range map[string]string{
		"limit=0":                           "limit",
		"limit=201":                         "limit",
		"limit=-1":                          "limit",
		"limit=ten":                         "limit",
		"limit=99999999999999999999":        "limit",
		"limit=1&limit=2":                   "limit",
		"number=0":                          "number",
		"number=1x":                         "number",
		"number=4294967296":                 "number",
		"word=c":                            "word",
		"since=yesterday":                   "since",
		"since=2026-02-30":                  "since",
		"since=-1":                          "since",
		"since=999999999999999":             "since",
		"since=1960-01-01":                  "since",
		"since=2026-03-11&until=2026-03-10": "until",
		"stauts=failed":                     "stauts",
		"%zz=1":                             "query",
		"a;b":                               "query",
		"limit=0&word=c":                    "limit,word",
		"a%00b=1":                           "a\x00b",
	} {
		if _, faults := readQuery(t, query); strings.Join(faults, ",") != want {
			t.Errorf("%s: %q, want %q", query, faults, want)
		}
	}
}
