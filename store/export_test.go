package store

// GatherLittle makes a store take rows to their places after few have gathered.
func GatherLittle(o *Options, bytes int) { o.gather = bytes }
