package store

import "io"

// GatherLittle makes a store take rows to their places after few have gathered.
func GatherLittle(o *Options, bytes int) { o.gather = bytes }

const FilePage = filePage

// CheckPages returns what is wrong with a database's pages.
func CheckPages(f io.ReaderAt) error { return checkPages(f, filePage, nil) }
