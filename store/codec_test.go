package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"cubeconnect/webhook"
)

var (
	codecID    = webhook.IDFromKey(webhook.IDAt(time.UnixMilli(1_773_142_200_123)).Key(), 7)
	codecAudit = webhook.Audit{
		ID: codecID, ReceivedAt: time.UnixMilli(1_773_142_200_456).UTC(), RemoteAddr: "2001:db8::1", Size: 12, Outcome: webhook.Accepted, TenantIDs: []uint32{1, math.MaxUint32}, Foreign: true, ErasedAt: time.UnixMilli(1_773_142_200_789).UTC(),
		EventIDs: []webhook.ID{codecID, codecID.OfTenant(9)}, Headers: map[string]string{"A": "1", "B": ""}, Body: []byte("{\x00}"),
	}
	codecEvent = webhook.Event{
		ID: codecID.OfTenant(9), TenantID: 9, Type: webhook.MessageReceived, Payload: []byte(`{"a":1}`), Raw: []byte(`{"b":2}`), Conversation: 1 << 63, AuditID: codecID,
	}
	codecDelivery = delivery{
		Delivery: webhook.Delivery{
			ID: codecID, TenantID: 9, EventType: webhook.MessageReceived, Status: webhook.Retrying, Conversation: 3, AttemptCount: 5, Round: 2, NextAttemptAt: time.UnixMilli(1_773_142_300_000).UTC(),
			Attempts: []webhook.Attempt{
				{Number: 4, StartedAt: time.UnixMicro(1_773_142_200_123_456).UTC(), Duration: 1234 * time.Microsecond, Error: webhook.ErrorTimeout},
				{Number: 5, StartedAt: time.UnixMicro(1_773_142_210_123_456).UTC(), StatusCode: 503, Error: webhook.ErrorStatus, ResponseBody: bytes.Repeat([]byte("x"), webhook.MaxResponseBytes)},
			},
		},
		due: 1_773_142_300_000,
	}
	codecMessage = message{
		tenant: 9, account: math.MaxUint32, erased: true, status: webhook.MessageFailed, updated: 1_773_142_200_123, customer: "966500000001", errors: []byte(`[{"code":1}]`),
		steps: []messageStep{{webhook.MessageSent, 1, 2, ""}, {webhook.MessageFailed, 3, 1_773_142_200_123, "p1"}},
	}
	codecActivity = webhook.Activity{
		At: time.Unix(1_773_142_200, 0).UTC(), Accepted: 1, Unsigned: math.MaxUint64, Durations: webhook.Durations{1, 2, 13: 4}, Last: time.UnixMilli(1_773_142_200_123).UTC(),
	}
	codecStats = webhook.EndpointStats{
		Pending: 1, Retrying: 2, Succeeded: math.MaxUint64, Failed: 4, FailingSince: time.UnixMilli(5).UTC(), LastSuccess: time.UnixMilli(6).UTC(), LastError: webhook.ErrorDNS, LastStatus: 503,
	}
)

// codec encodes a record and decodes it again. Decode reads a value under the key that all have here.
type codec struct {
	whole  any
	encode func(any) []byte
	decode func(v []byte) (any, error)
}

var codecs = map[string]codec{
	"audit": {codecAudit, func(x any) []byte { a := x.(webhook.Audit); return encodeAudit(&a) }, func(v []byte) (any, error) { return decodeAudit(codecID[:], v, true) }},
	"event": {codecEvent, func(x any) []byte { e := x.(webhook.Event); return encodeEvent(&e) }, func(v []byte) (any, error) { return decodeEvent(eventKey(9, codecID), v) }},
	"delivery": {codecDelivery, func(x any) []byte { d := x.(delivery); return encodeDelivery(&d) }, func(v []byte) (any, error) {
		return decodeDelivery(deliveryKey(9, codecID), v, true)
	}},
	"message": {codecMessage, func(x any) []byte { m := x.(message); return encodeMessage(&m) }, func(v []byte) (any, error) { return decodeMessage(v) }},
	"activity": {codecActivity, func(x any) []byte { a := x.(webhook.Activity); return encodeActivity(&a) }, func(v []byte) (any, error) {
		return decodeActivity(seriesKey(webhook.Everybody, webhook.ByMinute, codecActivity.At), v)
	}},
	"stats": {codecStats, func(x any) []byte { s := x.(webhook.EndpointStats); return encodeStats(&s) }, func(v []byte) (any, error) { return decodeStats(v) }},
}

func TestRecordsReadBack(t *testing.T) {
	for name, c := range codecs {
		v := c.encode(c.whole)
		if got, err := c.decode(v); err != nil || !reflect.DeepEqual(got, c.whole) {
			t.Errorf("%s is read as\n%+v (%v), want\n%+v", name, got, err, c.whole)
		}
		for n := range v {
			if got, err := c.decode(v[:n]); !errors.Is(err, errRecord) {
				t.Fatalf("%s cut to %d of %d bytes is read as %+v (%v)", name, n, len(v), got, err)
			}
		}
		later := append([]byte{recordVersion + 1}, v[1:]...)
		if _, err := c.decode(later); !errors.Is(err, errRecord) {
			t.Errorf("%s of another version: %v", name, err)
		}
	}
	for name, got := range map[string]error{
		"audit":    second(decodeAudit(codecID[:15], encodeAudit(&codecAudit), true)),
		"event":    second(decodeEvent(codecID[:], encodeEvent(&codecEvent)[1:])),
		"delivery": second(decodeDelivery(codecID[:], encodeDelivery(&codecDelivery), true)),
	} {
		if !errors.Is(got, errRecord) {
			t.Errorf("%s under a wrong key: %v", name, got)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// In lists the long parts are left out.
func TestRecordsReadInPart(t *testing.T) {
	a, err := decodeAudit(codecID[:], encodeAudit(&codecAudit), false)
	want := codecAudit
	want.Headers, want.Body = nil, nil
	if err != nil || !reflect.DeepEqual(a, want) {
		t.Errorf("audit: %+v (%v)", a, err)
	}
	d, err := decodeDelivery(deliveryKey(9, codecID), encodeDelivery(&codecDelivery), false)
	wantDelivery := codecDelivery
	wantDelivery.Attempts = nil
	if err != nil || !reflect.DeepEqual(d, wantDelivery) {
		t.Errorf("delivery: %+v (%v)", d, err)
	}
}

func TestKeys(t *testing.T) {
	if id, ok := parseEventKey(eventKey(9, codecID)); !ok || id != codecID.OfTenant(9) {
		t.Errorf("event: %s, %t", id, ok)
	}
	if tenant, id, ok := parseDeliveryKey(deliveryKey(9, codecID)); !ok || tenant != 9 || id != codecID {
		t.Errorf("delivery: %d %s, %t", tenant, id, ok)
	}
	if id, due, ok := parseScheduleKey(scheduleKey(codecID, 1<<48-1)); !ok || id != codecID || due != 1<<48-1 {
		t.Errorf("schedule: %s at %d, %t", id, due, ok)
	}
	if id, c, ok := parseHeldKey(heldKey(codecID, 1<<63|5)); !ok || id != codecID || c != 1<<63|5 {
		t.Errorf("held: %s of %d, %t", id, c, ok)
	}
	for _, ms := range []int64{0, 1, 255, 256, 1_773_142_200_123, 1<<48 - 1} {
		if b := appendMillis(nil, ms); len(b) != 6 || millis(b) != ms {
			t.Errorf("%d is written as %x", ms, b)
		}
	}
	for prefix, want := range map[string]string{"": "", "a": "b", "a\xff": "b", "a\xff\xff": "b", "\xff": "", "ab": "ac"} {
		if got := string(after([]byte(prefix))); got != want {
			t.Errorf("after %q comes %q", prefix, got)
		}
	}
}

// weight is about how many bytes of memory a decoded record took.
func weight(x any) int {
	total := 0
	var walk func(reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			total += v.Len()
		case reflect.Slice:
			total += v.Len() * int(v.Type().Elem().Size())
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Map:
			for it := v.MapRange(); it.Next(); {
				total += 64
				walk(it.Key())
				walk(it.Value())
			}
		case reflect.Struct:
			if v.Type() != reflect.TypeFor[time.Time]() {
				for i := range v.NumField() {
					walk(v.Field(i))
				}
			}
		}
	}
	walk(reflect.ValueOf(x))
	return total
}

// fuzzRecord checks that no input makes a decoder panic or take much memory, and that what can be read is
// read the same when it was written again.
func fuzzRecord(f *testing.F, name string) {
	c := codecs[name]
	f.Add(c.encode(c.whole))
	f.Add([]byte{})
	f.Add([]byte{recordVersion})
	f.Add(binary.AppendUvarint([]byte{recordVersion, 0, 0}, math.MaxUint64))
	f.Fuzz(func(t *testing.T, v []byte) {
		x, err := c.decode(v)
		if w := weight(x); w > 80*len(v)+16<<10 {
			t.Errorf("%d bytes take %d", len(v), w)
		}
		if err != nil {
			return
		}
		again, err := c.decode(c.encode(x))
		if err != nil || !reflect.DeepEqual(again, x) {
			t.Errorf("%+v is written and read as\n%+v (%v)", x, again, err)
		}
	})
}

func FuzzDecodeAudit(f *testing.F)    { fuzzRecord(f, "audit") }
func FuzzDecodeEvent(f *testing.F)    { fuzzRecord(f, "event") }
func FuzzDecodeDelivery(f *testing.F) { fuzzRecord(f, "delivery") }
func FuzzDecodeMessage(f *testing.F)  { fuzzRecord(f, "message") }
func FuzzDecodeStats(f *testing.F)    { fuzzRecord(f, "stats") }
func FuzzDecodeActivity(f *testing.F) { fuzzRecord(f, "activity") }
