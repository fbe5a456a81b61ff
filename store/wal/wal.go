// Package wal owns the write-ahead log beside the database file: what was acknowledged and is not in the
// file yet.
//
// It promises that a record is on disk (synced) when [Log.Append] returns nil, and that [Replay] meets
// every such record again, in order, each whole. A record whose Append failed, or never returned because
// the process died, is met whole or not at all: [Open] makes sure that it stays what it is.
//
// A sync that failed is never just repeated: the kernel may have given up what it could not write, and says
// so once. All that the failed one covered is written anew before the next.
//
// # Files
//
// Two files are written in turn: while the records of one are being moved into the database, new ones go
// to the other. A file is written from its beginning again and again, inside space that was allocated
// before, so that a sync has no metadata to write:
//
//	| header, 4096 bytes                  | record | record | ... | remains of earlier use, or zeros |
//	| magic 8, id 16, zeros               |
//
// A record:
//
//	| crc | length | number | payload |
//	| 4   | 4      | 8      | length  |
//
// All integers are little endian. The checksum (CRC-32C) covers the id of the log and all that follows
// it. Numbers ascend by one. A file ends with the first record that is not whole or doesn't have the
// number that is next; to be sure of that, a prefix of zeros is written behind each record.
package wal

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"cubeconnect/durable"
)

const (
	magic      = "cubewal1"
	headerSize = 4096 // a block: records never share one with the header
	prefixSize = 16   // of a record before its payload
	growth     = 1 << 20
	keptBuffer = 1 << 20
	unfinished = ".new-" // in the name of a file that has no header yet
)

// ID tells the log of one run of the program from those before it.
type ID [16]byte

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Log is a log open for appending. Its methods must not be called concurrently.
type Log struct {
	NoSync bool // records are on disk some time after [Log.Append], not before it returns

	files [2]*file
	now   int // which of them is written
	seed  uint32
	last  uint64
	dirty bool // the last Append failed, so its record may be on disk all the same
	buf   []byte
}

// file is one of a log's two.
type file struct {
	name string
	f    *os.File
	end  int64 // of the records
	size int64 // allocated
}

// Names returns the paths of the two files that belong to the database file at path.
func Names(path string) [2]string { return [2]string{path + ".wal0", path + ".wal1"} }

// Create makes an empty log beside the database file at path, in place of any that is there. Its first
// record gets the number after last.
func Create(path string, id ID, last uint64) (*Log, error) {
	l := &Log{seed: seed(id), last: last}
	for i, name := range Names(path) {
		left, _ := filepath.Glob(name + unfinished + "*") // of a process that died in here; the pattern is a good one
		for _, f := range left {
			_ = os.Remove(f) // it is in nobody's way
		}
		f, err := createFile(name, id)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make the write-ahead log: %w", err), l.Close())
		}
		l.files[i] = f
	}
	if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// createFile makes a file under another name, so that under its own it always has a header.
func createFile(name string, id ID) (_ *file, err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+unfinished+"*") // 0600
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	header := make([]byte, headerSize)
	copy(header, magic)
	copy(header[len(magic):], id[:])
	if _, err := f.WriteAt(header, 0); err != nil {
		return nil, err
	}
	w := &file{name: name, f: f, end: headerSize, size: headerSize}
	if err := w.allocate(growth); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	return w, os.Rename(f.Name(), name)
}

func seed(id ID) uint32 { return crc32.Checksum(id[:], castagnoli) }

// Last returns the number of the last record.
func (l *Log) Last() uint64 { return l.last }

// Append adds a record and syncs it. Build appends the payload to a buffer and returns that. After an
// error the record doesn't count, and the next one takes its place: nothing else was unsynced.
func (l *Log) Append(build func([]byte) []byte) error {
	var prefix [prefixSize]byte
	b := build(append(l.buf[:0], prefix[:]...))
	n := len(b) - prefixSize
	if uint64(n) > math.MaxUint32 {
		return fmt.Errorf("write-ahead log: a record of %d bytes is too large", n)
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(n))
	binary.LittleEndian.PutUint64(b[8:], l.last+1)
	binary.LittleEndian.PutUint32(b, crc32.Update(l.seed, castagnoli, b[4:]))
	// What lay behind it is no record any more, whatever it was: a record never leads on to older remains.
	b = append(b, make([]byte, prefixSize)...)
	f := l.files[l.now]
	if err := f.write(b, !l.NoSync); err != nil {
		l.dirty = true
		return fmt.Errorf("write-ahead log: %w", err)
	}
	f.end += int64(len(b) - prefixSize)
	if cap(b) <= keptBuffer {
		l.buf = b
	}
	l.last++
	l.dirty = false
	return nil
}

func (f *file) write(b []byte, sync bool) error {
	if need := f.end + int64(len(b)); need > f.size {
		if err := f.allocate((need + growth - 1) / growth * growth); err != nil {
			return err
		}
	}
	if _, err := f.f.WriteAt(b, f.end); err != nil || !sync {
		return err
	}
	return syncData(f.f)
}

// allocate makes the file longer. It does so block by block: in what is written at once, the page cache
// may later count each small change as one of the whole.
func (f *file) allocate(size int64) error {
	var zeros [4096]byte
	for f.size < size {
		n, err := f.f.WriteAt(zeros[:min(int64(len(zeros)), size-f.size)], f.size)
		f.size += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// Rotate makes the next record begin the other file anew: what is in there must not be needed any more.
// With wipe it is no longer there either.
func (l *Log) Rotate(wipe bool) error {
	if l.dirty {
		// The next record gets the failed one's number, but not its place: none may be met in both.
		if err := l.files[l.now].write(make([]byte, prefixSize), !l.NoSync); err != nil {
			return fmt.Errorf("write-ahead log: %w", err)
		}
		l.dirty = false
	}
	other := l.files[1-l.now]
	if wipe {
		if err := other.wipe(); err != nil {
			return fmt.Errorf("wipe the write-ahead log: %w", err)
		}
	}
	l.now = 1 - l.now
	other.end = headerSize
	return nil
}

// wipe writes zeros over all records.
func (f *file) wipe() error {
	size := f.size
	f.size = headerSize
	return errors.Join(f.allocate(size), f.f.Sync())
}

// Close closes the files and leaves them where they are.
func (l *Log) Close() error {
	var errs []error
	for _, f := range l.files {
		if f != nil {
			errs = append(errs, f.f.Close())
		}
	}
	return errors.Join(errs...)
}

// Remove closes and removes the files: nothing in them is needed any more.
func (l *Log) Remove() error {
	err := l.Close()
	for _, f := range l.files {
		err = errors.Join(err, os.Remove(f.name))
	}
	return err
}

// Exists reports whether a log lies beside the database file at path.
func Exists(path string) bool {
	for _, name := range Names(path) {
		if _, err := os.Lstat(name); err == nil {
			return true
		}
	}
	return false
}

// Discard removes files of a log that is done with.
func Discard(path string, done ID) error {
	gone := false
	for _, name := range Names(path) {
		id, err := readHeader(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && id != done:
			continue
		case err != nil:
			return err
		}
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("remove the old write-ahead log: %w", err)
		}
		gone = true
	}
	if gone {
		return durable.SyncFolder(filepath.Dir(path))
	}
	return nil
}

func readHeader(name string) (id ID, err error) {
	f, err := os.Open(name)
	if err != nil {
		return id, err
	}
	b := make([]byte, headerSize)
	_, err = io.ReadFull(f, b)
	if err := errors.Join(err, f.Close()); err != nil || string(b[:len(magic)]) != magic {
		return id, fmt.Errorf("%s is no write-ahead log of CubeConnect, or it is damaged; restore a backup, or move it away to go on without the last writes", name)
	}
	return ID(b[len(magic):][:len(id)]), nil
}

// Open opens the log of this id beside the database file at path, after [Replay] has been through it with
// the same id and applied, and goes on behind its last record.
func Open(path string, id ID, applied uint64) (*Log, error) {
	parts, err := read(path, id, ID{}, applied)
	if err != nil {
		return nil, err
	}
	l := &Log{seed: seed(id), last: applied}
	for i, name := range Names(path) {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			if l.files[i], err = createFile(name, id); err == nil {
				err = durable.SyncFolder(filepath.Dir(path))
			}
		} else if err == nil {
			var size int64
			size, err = f.Seek(0, io.SeekEnd)
			l.files[i] = &file{name: name, f: f, end: headerSize, size: size}
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open the write-ahead log: %w", err), l.Close())
		}
	}
	for _, p := range parts {
		l.now, l.last = p.file, p.last()
		l.files[p.file].end = p.end
	}
	if len(parts) > 0 {
		if err := l.files[l.now].rewrite(parts[len(parts)-1].lastSize()); err != nil {
			return nil, errors.Join(fmt.Errorf("open the write-ahead log: %w", err), l.Close())
		}
	}
	return l, nil
}

// rewrite brings the last record, of this size, to the disk once more. If the process before never learned
// that it is there, it may be in the system's cache alone, and where a sync failed no later one of the same
// cache would change that.
func (f *file) rewrite(size int64) error {
	b := make([]byte, size+prefixSize) // zeros in the end, as always
	if _, err := f.f.ReadAt(b[:size], f.end-size); err != nil {
		return err
	}
	f.end -= size
	if err := f.write(b, true); err != nil {
		return err
	}
	f.end += size
	return nil
}

// Replay hands every record after the one with number applied to visit, in order, and returns the number
// of the last. It changes nothing. A log that is not there has no records. Files of the id previous, a
// log that was done with, are passed over. It returns an error if the files belong to another database, or
// if a record is missing before one that is there.
func Replay(path string, id, previous ID, applied uint64, visit func(payload []byte) error) (last uint64, err error) {
	parts, err := read(path, id, previous, applied)
	if err != nil {
		return 0, err
	}
	last = applied
	for _, p := range parts {
		for i, payload := range p.records {
			number := p.first + uint64(i)
			if number <= applied {
				continue // it has been moved already
			}
			if err := visit(payload); err != nil {
				return 0, fmt.Errorf("record %d of the write-ahead log of %s: %w", number, path, err)
			}
			last = number
		}
	}
	return last, nil
}

// part is what one file has.
type part struct {
	file    int
	first   uint64
	records [][]byte
	end     int64
}

func (p part) last() uint64 { return p.first + uint64(len(p.records)) - 1 }

func (p part) lastSize() int64 { return int64(prefixSize + len(p.records[len(p.records)-1])) }

// read returns what the files have that is still needed, oldest first.
func read(path string, id, previous ID, applied uint64) (parts []part, err error) {
	for i, name := range Names(path) {
		found, err := readHeader(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && found == previous:
			continue
		case err != nil:
			return nil, err
		case found != id:
			return nil, fmt.Errorf("%s holds writes of another database file than %s; put that file back, or move the log away", name, path)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read the write-ahead log: %w", err)
		}
		p := part{file: i}
		var size int
		p.first, p.records, size = split(b[headerSize:], seed(id))
		p.end = headerSize + int64(size)
		if len(p.records) > 0 && p.last() > applied {
			parts = append(parts, p)
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.first, b.first) })
	next := applied + 1
	for i, p := range parts {
		if p.first > next || i > 0 && p.first < next {
			return nil, fmt.Errorf("the write-ahead log of %s is damaged: after record %d comes %d; restore a backup", path, next-1, p.first)
		}
		next = p.last() + 1
	}
	return parts, nil
}

// split returns the payloads of the records at the beginning of b, the number of the first, and the bytes
// that they take.
func split(b []byte, seed uint32) (first uint64, records [][]byte, size int) {
	for next := uint64(0); len(b) >= prefixSize; next++ {
		n := uint64(binary.LittleEndian.Uint32(b[4:]))
		number := binary.LittleEndian.Uint64(b[8:])
		if n > uint64(len(b)-prefixSize) || next != 0 && number != next {
			break
		}
		end := prefixSize + int(n)
		if crc32.Update(seed, castagnoli, b[4:end]) != binary.LittleEndian.Uint32(b) {
			break
		}
		if len(records) == 0 {
			first, next = number, number
		}
		records = append(records, b[prefixSize:end])
		b = b[end:]
		size += end
	}
	return first, records, size
}
