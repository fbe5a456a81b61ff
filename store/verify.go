package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/keyring"
	"cubeconnect/webhook"
)

// maxFaults bounds what [Verify] reports: a damaged file can have millions.
const maxFaults = 100

// Counts is what [Verify] met.
type Counts struct {
	Tenants, Endpoints, Audits, Events, Deliveries, Waiting, DeadLetters, Messages, Sealed int
}

// Verify checks the structure of a database file that no process has open, and that its records, with
// those of its write-ahead log, agree with each other. With a ring it also opens every sealed value; nil: they
// are only counted. It returns the faults in words, none if all is well, and changes nothing.
func Verify(path string, ring *keyring.Ring) (counts Counts, faults []string, err error) {
	return verify(path, ring, nil)
}

func verify(path string, ring *keyring.Ring, p *pace) (counts Counts, faults []string, err error) {
	db, err := inspectFile(path)
	if err != nil {
		return counts, nil, err
	}
	defer func() { err = joinClose(err, db) }()
	f, err := os.Open(path)
	if err != nil {
		return counts, nil, fmt.Errorf("open the database: %w", err)
	}
	defer f.Close()
	err = db.View(func(b *bolt.Tx) error {
		v := &verifier{b: &reader{b: b, pace: p}, ring: ring, waiting: map[uint32]*webhook.EndpointStats{}}
		if err := checkPages(f, db.Info().PageSize, p); err != nil {
			faults = []string{"structure: " + err.Error()}
			return nil
		}
		if p == nil { // a second opinion, which never rests: of two gigabytes it takes a processor for half a second
			for fault := range b.Check() {
				v.fault("structure: %v", fault)
			}
		}
		if len(v.faults) > 0 {
			faults = v.faults // what stands on it can't be read
			return nil
		}
		if err := checkSchema(b, path); err != nil {
			return err
		}
		st, err := readLogState(b)
		if err != nil {
			return err
		}
		log, err := replayLog(path, st)
		if err != nil {
			return err
		}
		v.b.layers = append(v.b.layers, log)
		if v.b.gathered, err = readGathering(b, gatherSize); err != nil {
			return err
		}
		if ring != nil {
			if err := checkRing(ring, v.b.get(bMeta, kTouchstone), path); err != nil {
				return err
			}
		}
		if err := v.run(); err != nil {
			return err
		}
		counts, faults = v.counts, v.faults
		return nil
	})
	return counts, faults, err
}

func joinClose(err error, db *bolt.DB) error {
	if closing := db.Close(); err == nil {
		return closing
	}
	return err
}

type verifier struct {
	b       *reader
	ring    *keyring.Ring
	dir     *directory
	counts  Counts
	faults  []string
	waiting map[uint32]*webhook.EndpointStats
}

func (v *verifier) fault(format string, args ...any) {
	if len(v.faults) < maxFaults {
		v.faults = append(v.faults, fmt.Sprintf(format, args...))
	}
}

func (v *verifier) run() (err error) {
	if v.dir, err = readDirectory(v.b, sealer{}); err != nil {
		v.fault("%v", err)
		return nil
	}
	v.counts.Tenants, v.counts.Endpoints = len(v.dir.tenants), len(v.dir.endpoints)
	for _, check := range []func() error{v.owners, v.sealed, v.audits, v.events, v.deliveries, v.schedule, v.held, v.trouble, v.messages, v.statistics, v.trail} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// owners checks that what belongs to a tenant has one.
func (v *verifier) owners() error {
	for id, a := range v.dir.accounts {
		if _, ok := v.dir.tenants[a.TenantID]; !ok {
			v.fault("account %d belongs to tenant %d, which doesn't exist", id, a.TenantID)
		}
	}
	for id, e := range v.dir.endpoints {
		if _, ok := v.dir.tenants[e.TenantID]; !ok {
			v.fault("endpoint %d belongs to tenant %d, which doesn't exist", id, e.TenantID)
		}
	}
	return nil
}

// sealed checks that each sealed value opens where it stands.
func (v *verifier) sealed() error {
	return eachSealed(v.b, func(place string, value *sealed) error {
		v.counts.Sealed++
		if v.ring == nil {
			return nil
		}
		if _, err := v.ring.Open(place, *value); err != nil {
			v.fault("%s: %v", place, err)
		}
		return nil
	})
}

func (v *verifier) audits() error {
	return v.b.each(bAudit, func(k, val []byte) error {
		v.counts.Audits++
		if _, err := decodeAudit(k, val, true); err != nil {
			v.fault("audit %x: %v", k, err)
		}
		return nil
	})
}

func (v *verifier) events() error {
	return v.b.each(bEvents, func(k, val []byte) error {
		v.counts.Events++
		if _, err := decodeEvent(k, val); err != nil {
			v.fault("event %x: %v", k, err)
		}
		return nil
	})
}

// purged reports whether an endpoint was deleted and its deliveries are on their way out.
func (v *verifier) purged(endpoint uint32) bool {
	return v.b.get(bPurge, purgeKey(purgeEndpoint, endpoint)) != nil
}

func (v *verifier) deliveries() error {
	return v.b.each(bDeliveries, func(k, val []byte) error {
		v.counts.Deliveries++
		d, err := decodeDelivery(k, val, true)
		if err != nil {
			v.fault("delivery %x: %v", k, err)
			return nil
		}
		if d.Status < webhook.Pending || d.Status > webhook.Failed {
			v.fault("delivery %s: status %d is none", d.ID, d.Status)
			return nil
		}
		if v.dir.endpoints[d.EndpointID()] != nil {
			st := v.waiting[d.EndpointID()]
			if st == nil {
				st = &webhook.EndpointStats{}
				v.waiting[d.EndpointID()] = st
			}
			*count(st, d.Status)++
		}
		if troubled := v.b.get(bTrouble, k) != nil; troubled != (d.Status == webhook.Retrying || d.Status == webhook.Failed) {
			v.fault("delivery %s is %s, and in the trouble index: %t", d.ID, d.Status, troubled)
		}
		if d.Status == webhook.Failed {
			v.counts.DeadLetters++
		}
		if d.Status.Ended() {
			return nil
		}
		v.counts.Waiting++
		if v.b.get(bEvents, eventKey(d.TenantID, d.ID)) == nil {
			v.fault("delivery %s waits, but its event is gone", d.ID)
		}
		if v.dir.endpoints[d.EndpointID()] == nil && !v.purged(d.EndpointID()) {
			v.fault("delivery %s waits for endpoint %d, which doesn't exist", d.ID, d.EndpointID())
		}
		scheduled := v.b.get(bSchedule, scheduleKey(d.ID, d.due)) != nil
		if scheduled == d.parked {
			v.fault("delivery %s is %s and parked: %t, but in the schedule: %t", d.ID, d.Status, d.parked, scheduled)
		}
		if d.Conversation != 0 && (d.parked || d.due != 0) && v.b.get(bHeld, heldKey(d.ID, d.Conversation)) == nil {
			v.fault("delivery %s holds its conversation, but the index doesn't say so", d.ID)
		}
		return nil
	})
}

// record finds the delivery that an index entry is about.
func (v *verifier) record(id webhook.ID, index string) (d delivery, ok bool) {
	var tenant uint32
	if e := v.dir.endpoints[id.Owner()]; e != nil {
		tenant = e.TenantID
	} else if t := v.b.get(bPurge, purgeKey(purgeEndpoint, id.Owner())); len(t) == 4 {
		tenant = binary.BigEndian.Uint32(t)
	}
	d, err := readDelivery(v.b, tenant, id)
	if err != nil {
		v.fault("%s names delivery %s: %v", index, id, err)
		return d, false
	}
	if d.Status.Ended() {
		v.fault("%s names delivery %s, which is %s", index, id, d.Status)
	}
	return d, true
}

func (v *verifier) schedule() error {
	return v.b.each(bSchedule, func(k, _ []byte) error {
		id, due, ok := parseScheduleKey(k)
		if !ok {
			v.fault("schedule %x: %v", k, errRecord)
			return nil
		}
		if d, ok := v.record(id, "schedule"); ok && (d.parked || d.due != due) {
			v.fault("schedule has delivery %s at %d, its record at %d (parked: %t)", id, due, d.due, d.parked)
		}
		return nil
	})
}

// held also checks that what is parked has something to wait for: the oldest of a conversation that is
// held is never parked. Of a deleted endpoint's it may have been dropped already.
func (v *verifier) held() error {
	var group []byte
	return v.b.each(bHeld, func(k, val []byte) error {
		id, conv, ok := parseHeldKey(k)
		if !ok {
			v.fault("held %x: %v", k, errRecord)
			return nil
		}
		d, ok := v.record(id, "held")
		if ok && (d.Conversation != conv || d.parked != (len(val) == 0) || len(val) == 6 && millis(val) != d.due) {
			v.fault("held has delivery %s at %x, its record at %d (parked: %t)", id, val, d.due, d.parked)
		}
		if first := !bytes.Equal(group, k[:12]); first && len(val) == 0 && !v.purged(id.Owner()) {
			v.fault("delivery %s is parked, and nothing is there to wake it", id)
		}
		group = bytes.Clone(k[:12])
		return nil
	})
}

func (v *verifier) trouble() error {
	return v.b.each(bTrouble, func(k, _ []byte) error {
		if v.b.get(bDeliveries, k) == nil {
			v.fault("trouble index names delivery %x, which doesn't exist", k)
		}
		return nil
	})
}

func (v *verifier) messages() error {
	return v.b.each(bMessages, func(k, val []byte) error {
		v.counts.Messages++
		if _, err := decodeMessage(val); err != nil {
			v.fault("message %x: %v", k, err)
		}
		return nil
	})
}

func (v *verifier) trail() error {
	return v.b.each(bTrail, func(k, val []byte) error {
		if _, err := decodeTrail(k, val); err != nil {
			v.fault("trail %x: %v", k, err)
		}
		return nil
	})
}

func (v *verifier) statistics() error {
	var table statsTable
	if err := table.read(v.b); err != nil {
		v.fault("%v", err)
		return nil
	}
	for id := range v.dir.endpoints {
		var want webhook.EndpointStats
		if st := v.waiting[id]; st != nil {
			want = *st
		}
		have := table.m[id]
		if have.Pending != want.Pending || have.Retrying != want.Retrying || have.Failed != want.Failed {
			v.fault("endpoint %d counts %d pending, %d retrying, %d failed; there are %d, %d, %d", id, have.Pending, have.Retrying, have.Failed, want.Pending, want.Retrying, want.Failed)
		}
	}
	return nil
}
