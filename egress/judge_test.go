package egress

import (
	"testing"

	"cubeconnect/webhook"
)

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		status int
		class  webhook.ErrorClass
		want   webhook.Verdict
	}{
		{200, "", webhook.Delivered},
		{204, "", webhook.Delivered},
		{299, "", webhook.Delivered},
		{200, webhook.ErrorTimeout, webhook.Retry}, // the body never ended
		{101, webhook.ErrorStatus, webhook.Retry},
		{199, webhook.ErrorStatus, webhook.Retry},
		{300, webhook.ErrorStatus, webhook.Retry},
		{302, webhook.ErrorStatus, webhook.Retry},
		{400, webhook.ErrorStatus, webhook.Retry},
		{404, webhook.ErrorStatus, webhook.Retry},
		{409, webhook.ErrorStatus, webhook.Retry},
		{410, webhook.ErrorStatus, webhook.Gone},
		{411, webhook.ErrorStatus, webhook.Retry},
		{429, webhook.ErrorStatus, webhook.Retry},
		{500, webhook.ErrorStatus, webhook.Retry},
		{503, webhook.ErrorStatus, webhook.Retry},
		{0, webhook.ErrorDNS, webhook.Retry},
		{0, webhook.ErrorRefused, webhook.Retry},
		{0, webhook.ErrorTimeout, webhook.Retry},
		{0, webhook.ErrorTLS, webhook.Retry},
		{0, webhook.ErrorReset, webhook.Retry},
		{0, webhook.ErrorBlocked, webhook.Refused},
		{0, webhook.ErrorOther, webhook.Retry},
		{0, "", webhook.Retry},
	} {
		if got := Judge(tt.status, tt.class); got != tt.want {
			t.Errorf("Judge(%d, %q) is %d, want %d", tt.status, tt.class, got, tt.want)
		}
	}
}
