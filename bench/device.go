package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// device is the disk that a folder is on. It counts what anybody writes, the file system's journal too: so nothing else
// may be busy during a run. What the system counts for a process is no better, and used only where a disk doesn't
// count: it has whole folios of the page cache, of up to 2 MiB, although 4 KiB of them change, and so depends on how
// the file was once written or read.
type device struct{ stat string } // the file with its counters; "" if there is none

func deviceOf(dir string) (d device, err error) {
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err != nil {
		return d, err
	}
	dev := uint64(st.Dev)
	// The numbers as Linux packs them into one.
	major, minor := dev>>8&0xfff|dev>>32&^0xfff, dev&0xff|dev>>12&^0xff&0xffffffff
	path := fmt.Sprintf("/sys/dev/block/%d:%d/stat", major, minor)
	if _, err := os.Stat(path); err == nil {
		d.stat = path
	}
	return d, nil
}

// written is how many bytes went to the device so far.
func (d device) written() (int64, error) {
	stat, err := os.ReadFile(d.stat)
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat))
	if len(fields) < 7 {
		return 0, fmt.Errorf("%s: too short", d.stat)
	}
	sectors, err := strconv.ParseInt(fields[6], 10, 64)
	return sectors * 512, err
}
