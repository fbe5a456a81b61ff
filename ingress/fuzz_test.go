package ingress

import (
	"bytes"
	"reflect"
	"testing"
)

// someone routes what it knows from the test data, and half of everything else.
type someone struct{}

func (someone) Account(wabaID, phoneNumberID string) (Route, bool) {
	sum := uint32(len(wabaID)*7 + len(phoneNumberID))
	for _, c := range wabaID + phoneNumberID {
		sum = sum*31 + uint32(c)
	}
	if sum%2 == 0 {
		return Route{}, false
	}
	return Route{Tenant: sum%5 + 1, Account: sum, Location: riyadh.Route.Location}, true
}

func FuzzParse(f *testing.F) {
	for _, dir := range []string{"payloads", "own", "real"} {
		for _, name := range bodiesIn(f, dir) {
			if body := read(f, name); len(body) < 64<<10 {
				f.Add(body)
			}
		}
	}
	f.Add([]byte(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"2"},"messages":[{"id":"\ud800\u0000\udfff","type":"\\","context":{"a":"\ud800"}}]}}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		in := Parse(body, arrival, someone{})
		if !bytes.Equal(body, before) {
			t.Fatal("the body was changed")
		}
		checkInbound(t, in)
		if again := Parse(body, arrival, someone{}); !reflect.DeepEqual(in, again) {
			t.Fatal("a second time leads to something else")
		}
		if in.Unparsed && (in.Items != nil || in.Tenants != nil || in.Unrouted) {
			t.Fatalf("unparsed, yet %+v", in)
		}
	})
}
