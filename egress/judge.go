package egress

import (
	"net/http"

	"cubeconnect/webhook"
)

// Judge says what an attempt means for its delivery. The class is empty if an answer came in full, or
// [webhook.ErrorStatus] if that answer was no success; the status is 0 if none came.
func Judge(status int, class webhook.ErrorClass) webhook.Verdict {
	switch {
	case class == webhook.ErrorBlocked:
		return webhook.Refused
	case status == http.StatusGone:
		return webhook.Gone
	case class == "" && status >= 200 && status <= 299:
		return webhook.Delivered
	default:
		return webhook.Retry
	}
}
