package store

import "io"

// GatherLittle makes a store take rows to their places after few have gathered.
func GatherLittle(o *Options, bytes int) { o.gather = bytes }

// CheckPages returns what is wrong with a database's pages.
func CheckPages(f io.ReaderAt, pageSize int) error { return checkPages(f, pageSize, nil) }
