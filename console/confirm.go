package console

import "net/http"

// confirmation asks before something that can't be undone. Its form posts to where it is.
type confirmation struct {
	frame
	Texts  []string // what will happen, in the page's language
	Button string   // what the button does, likewise
	Cancel string   // path
}

func (q *request) confirm(p *confirmation) error { return q.render(http.StatusOK, "confirm", p) }
