package webhook

// Reprocess asks for what the audit log's POSTs mean today.
type Reprocess struct {
	ID    ID // of one record; zero: all of the range
	Range    // of the time of arrival
	// DryRun: count, change nothing.
	DryRun bool
}

// Reprocessed is what came of it.
type Reprocessed struct {
	Examined int // audit records
	Changed  int // those of them that something new came of, or that belong elsewhere now
	Events   int // new ones
	// Undecided counts what was left alone, because what a repeat of it would be known by is not kept for so
	// long.
	Undecided int
}
