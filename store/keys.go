package store

import (
	"encoding/binary"
	"time"

	"cubeconnect/webhook"
)

// bucket is one of the file's. Its number stands in the write-ahead log: new ones are added at the end.
type bucket byte

const (
	bMeta bucket = iota
	bTenants
	bAccounts
	bEndpoints
	bAPIKeys
	bAudit
	bEvents
	bDeliveries
	bTrouble
	bSchedule
	bHeld
	bMessages
	bCustomers
	bTemplates
	bSeen
	bIdempotency
	bStats
	bPurge
	bActivity
	bConsole
	bTrail
	bGathered
	bCertificates
	bBuffered
	bucketCount
)

var bucketNames = [bucketCount][]byte{
	[]byte("meta"), []byte("tenants"), []byte("accounts"), []byte("endpoints"), []byte("api_keys"), []byte("audit"), []byte("events"),
	[]byte("deliveries"), []byte("trouble"), []byte("schedule"), []byte("held"), []byte("messages"), []byte("customers"), []byte("templates"),
	[]byte("seen"), []byte("idempotency"), []byte("stats"), []byte("purge"), []byte("activity"),
	[]byte("console"), []byte("trail"), []byte("gathered"), []byte("certificates"), []byte("buffered"),
}

var allBuckets = func() (all []bucket) {
	for b := range bucketCount {
		all = append(all, b)
	}
	return all
}()

func (b bucket) name() []byte { return bucketNames[b] }

func (b bucket) String() string { return string(bucketNames[b]) }

func idKey(id uint32) []byte { return binary.BigEndian.AppendUint32(nil, id) }

// eventKey places an event behind those before it of its tenant.
//
//	| tenant | key |
//	| 4      | 12  |
func eventKey(tenant uint32, id webhook.ID) []byte {
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 16), tenant), id.Key()...)
}

func parseEventKey(k []byte) (webhook.ID, bool) {
	if len(k) != 16 {
		return webhook.ID{}, false
	}
	return webhook.IDFromKey(k[4:], 0).OfTenant(binary.BigEndian.Uint32(k)), true
}

// deliveryKey stands behind its event's key.
//
//	| tenant | key | endpoint |
//	| 4      | 12  | 4        |
func deliveryKey(tenant uint32, id webhook.ID) []byte {
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 20), tenant), id[:]...)
}

func parseDeliveryKey(k []byte) (tenant uint32, id webhook.ID, ok bool) {
	if len(k) != 20 {
		return 0, id, false
	}
	return binary.BigEndian.Uint32(k), webhook.ID(k[4:]), true
}

// scheduleKey sorts an endpoint's deliveries by the time of their next attempt; fresh ones come first,
// in the order of their events.
//
//	| endpoint | due, unix ms, 0: fresh | key |
//	| 4        | 6                      | 12  |
func scheduleKey(id webhook.ID, due int64) []byte {
	k := binary.BigEndian.AppendUint32(make([]byte, 0, 22), id.Owner())
	k = appendMillis(k, due)
	return append(k, id.Key()...)
}

func parseScheduleKey(k []byte) (id webhook.ID, due int64, ok bool) {
	if len(k) != 22 {
		return id, 0, false
	}
	return webhook.IDFromKey(k[10:], binary.BigEndian.Uint32(k)), millis(k[4:]), true
}

// heldKey sorts what is held back of a conversation on its way to an endpoint.
//
//	| endpoint | conversation | key |
//	| 4        | 8            | 12  |
func heldKey(id webhook.ID, c webhook.Conversation) []byte {
	return append(heldPrefix(id.Owner(), c), id.Key()...)
}

func heldPrefix(endpoint uint32, c webhook.Conversation) []byte {
	k := binary.BigEndian.AppendUint32(make([]byte, 0, 24), endpoint)
	return binary.BigEndian.AppendUint64(k, uint64(c))
}

func parseHeldKey(k []byte) (id webhook.ID, c webhook.Conversation, ok bool) {
	if len(k) != 24 {
		return id, 0, false
	}
	return webhook.IDFromKey(k[12:], binary.BigEndian.Uint32(k)), webhook.Conversation(binary.BigEndian.Uint64(k[4:])), true
}

// messageKey finds a message by its id alone, or with the number it belongs to. The id comes hashed: it
// is of any length, and holds the customer's phone number.
//
//	| hash of the message id | hash of the phone number id |
//	| 12                     | 4                           |
func messageKey(wamid, phoneNumberID string) []byte {
	h, n := webhook.Hash(wamid), webhook.Hash(phoneNumberID)
	return append(append(make([]byte, 0, 16), h[:12]...), n[:4]...)
}

func customerKey(account uint32, customer string) []byte {
	h := webhook.Hash(customer)
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 12), account), h[:8]...)
}

func tenantHashKey(tenant uint32, parts ...string) []byte {
	h := webhook.Hash(parts...)
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 16), tenant), h[:12]...)
}

// appendMillis appends a time as 6 bytes of Unix milliseconds, enough until the year 10889.
func appendMillis(b []byte, ms int64) []byte {
	ms = max(ms, 0)
	return append(b, byte(ms>>40), byte(ms>>32), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms))
}

func millis(b []byte) int64 {
	if len(b) < 6 {
		return 0
	}
	return int64(b[0])<<40 | int64(b[1])<<32 | int64(b[2])<<24 | int64(b[3])<<16 | int64(b[4])<<8 | int64(b[5])
}

func timeOf(ms int64) time.Time {
	if ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func millisOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
