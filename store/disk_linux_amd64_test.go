package store_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// disk is what a recording leaves on a disk when the power goes. What was synced is there. Of the rest any
// sector may be there or not, whatever the order; a folder's changes may be lost from some point on.
//
// A sync that failed is the worst: the kernel takes what it could not write for clean, so that a later sync
// brings none of it to the disk. What is not written again is lost, or isn't.
type disk struct {
	rnd     *rand.Rand
	durable map[*traced][]byte
	pending map[*traced][]op
	names   map[string]*traced // on disk
	changes []op               // of names, not yet synced
	at      int
}

func newDisk(rnd *rand.Rand) *disk {
	return &disk{rnd: rnd, durable: map[*traced][]byte{}, pending: map[*traced][]op{}, names: map[string]*traced{}}
}

// advance takes one more op into account.
func (d *disk) advance(o op) {
	place := d.at
	d.at++
	switch o.kind {
	case written, truncated:
		o.upTo = place
		d.pending[o.file] = append(d.pending[o.file], o)
	case linked, unlinked:
		o.upTo = place
		d.changes = append(d.changes, o)
	case synced:
		if o.file == nil {
			for len(d.changes) > 0 && d.changes[0].upTo < o.upTo {
				d.change(d.names, d.changes[0])
				d.changes = d.changes[1:]
			}
			return
		}
		d.settle(o, func(b []byte, p op) []byte { return p.applied(b, nil) })
	case refused:
		if o.file != nil {
			d.settle(o, func(b []byte, p op) []byte { return p.applied(b, d.rnd) })
		}
	}
}

// settle decides what becomes of what a file was asked before a sync.
func (d *disk) settle(o op, apply func([]byte, op) []byte) {
	list := d.pending[o.file]
	for len(list) > 0 && list[0].upTo < o.upTo {
		d.durable[o.file] = apply(d.durable[o.file], list[0])
		list = list[1:]
	}
	d.pending[o.file] = list
}

func (d *disk) change(names map[string]*traced, o op) {
	if o.kind == linked {
		names[o.name] = o.file
	} else {
		delete(names, o.name)
	}
}

// applied does to a file's content what an op says: all of it, or with rnd any sectors.
func (o *op) applied(b []byte, rnd *rand.Rand) []byte {
	if o.kind == truncated {
		if rnd != nil && rnd.IntN(2) == 0 {
			return b
		}
		if int(o.off) <= len(b) {
			return b[:o.off]
		}
		return append(b, make([]byte, int(o.off)-len(b))...)
	}
	for at := 0; at < len(o.data); {
		place := int(o.off) + at
		n := min(sector-place%sector, len(o.data)-at)
		if rnd == nil || rnd.IntN(2) == 0 {
			if place+n > len(b) {
				b = append(b, make([]byte, place+n-len(b))...)
			}
			copy(b[place:], o.data[at:at+n])
		}
		at += n
	}
	return b
}

// cut leaves in a folder what a power cut would now. It reports whether that differs from what was asked.
func (d *disk) cut(folder string) (torn bool, err error) {
	names := map[string]*traced{}
	for name, f := range d.names {
		names[name] = f
	}
	kept := 0
	if len(d.changes) > 0 {
		kept = d.rnd.IntN(len(d.changes) + 1)
	}
	for _, o := range d.changes[:kept] {
		d.change(names, o)
	}
	mode := d.rnd.IntN(4)
	for name, f := range names {
		b := bytes.Clone(d.durable[f])
		list := d.pending[f]
		torn = torn || len(list) > 0
		if mode == 0 { // they came in order, up to one
			list = list[:d.rnd.IntN(len(list)+1)]
		}
		for _, o := range list {
			switch mode {
			case 0:
				b = o.applied(b, nil)
			case 1: // none did
			default:
				b = o.applied(b, d.rnd)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o600); err != nil {
			return torn, err
		}
	}
	return torn || kept < len(d.changes), nil
}
