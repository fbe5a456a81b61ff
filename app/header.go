package app

// privateHeader is of every answer of the admin listener that says nothing else itself: nobody keeps it,
// guesses its type, frames it, or reads it from another site. The console's pages and files say more.
var privateHeader = map[string]string{
	"Cache-Control":                "no-store",
	"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "same-origin", // without any, a form's request would not tell its origin
	"X-Frame-Options":              "DENY",
}

// publicHeader is of every answer of the public listener. Machines read these, so it is short; the policy
// is for who opens the address, or a handshake's challenge, in a browser.
var publicHeader = map[string]string{
	"Cache-Control":           "no-store",
	"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	"Referrer-Policy":         "no-referrer",
}
