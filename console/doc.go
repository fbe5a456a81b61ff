// Package console is the administrator's pages: server-rendered, complete without script, in English and
// Arabic.
//
// It owns the password and the sessions, the pages and their words. It promises that every page but
// set-up and sign-in wants a session, that whatever changes something comes from its own pages, that
// secrets are shown once, and that no text of anybody else reaches a page unescaped. What the pages
// change goes through the same checks and steps as in the JSON API.
//
// # Adding a page
//
//   - a template in html/ that defines "main", and its words in locale/en.json and locale/ar.json;
//   - a struct that embeds frame and holds what the template shows;
//   - a handler that fills it and calls request.render, and a line in [Console.Routes];
//   - a line in request.navigation, if one gets there from everywhere;
//   - a line in the tests' list of pages, which renders it in both languages.
//
// The templates' functions are listed in template.go, what they share is in html/part.html and
// html/list.html; what has to do with figures in html/chart.html. A part of a page that has an id and
// data-live follows what happens, on pages with the part "live". Forms are parsed into a form, which gives each field back its value and its faults; one
// that worked redirects, with a note that the next page shows once.
package console
