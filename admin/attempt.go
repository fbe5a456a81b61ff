package admin

import (
	"strings"

	"cubeconnect/webhook"
)

// attemptView is one HTTP request of a delivery.
type attemptView struct {
	Number       int        `json:"number"`
	StartedAt    instant    `json:"started_at"`
	DurationMS   int64      `json:"duration_ms"`
	StatusCode   *int       `json:"status_code"`
	Error        nullString `json:"error"`
	ResponseBody string     `json:"response_body"`
}

func viewAttempt(at *webhook.Attempt) attemptView {
	v := attemptView{
		Number: at.Number, StartedAt: instant(at.StartedAt), DurationMS: at.Duration.Milliseconds(),
		Error: nullString(at.Error), ResponseBody: strings.ToValidUTF8(string(at.ResponseBody), "\uFFFD"),
	}
	if at.StatusCode != 0 {
		v.StatusCode = &at.StatusCode
	}
	return v
}
