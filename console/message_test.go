package console

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestMessagePage(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b := f.signedIn()
	const id = "wamid.HBgL+T/M=="
	find := "/messages?id=" + url.QueryEscape(id)
	b.get("/messages").page(200, "Find a message by its ID")
	b.get(find).page(200, "No message has this ID", id)
	f.inbound(statusPost("101", "201", id, "read", ""))
	f.clock.advance(time.Minute)
	f.inbound(statusPost("101", "201", id, "sent", `,"timestamp":"1773142201"`))
	page := b.get(find).page(200, id, "Message to the customer", "Read", "Sent", "16505550111", "Oasis", "10 Mar 2026, 14:30:05", "UTC+03:00", "Deliveries of its events")
	if text := page.text(); strings.Index(text, "Sent") > strings.LastIndex(text, "Read 10") {
		t.Errorf("the steps are not in the order of their time:\n%s", text)
	}
	if !strings.Contains(page.Body.String(), `href="/tenants/1/deliveries?find=`+url.QueryEscape(id)+`"`) || !strings.Contains(page.Body.String(), `href="/tenants/1/accounts/1"`) {
		t.Errorf("a link is missing:\n%s", page.Body)
	}
	b.get("/messages?id=+"+id+"+").page(200, "Message to the customer") // as if pasted with spaces around, and its plus not escaped
	b.get("/messages?id="+strings.ToLower(url.QueryEscape(id))).page(200, "No message has this ID")

	f.inbound(messagePost("101", "201", "wamid.in", ""))
	b.get("/messages?id=wamid.in").page(200, "Message from the customer", "Received")
	f.ok(f.store.DeleteAccount(t.Context(), 1, 1))
	b.get(find).page(200, "Deleted")
}

func TestMessageFaults(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b := f.signedIn()
	for id, tt := range map[string]struct {
		errors string
		words  []string
	}{
		"window":  {`,"errors":[{"code":131047,"title":"Re-engagement message","message":"Re-engagement message","error_data":{"details":"more than 24 hours"}}]`, []string{"Failed", "Only an approved template", "Re-engagement message (131047)", "more than 24 hours"}},
		"several": {`,"errors":[{"code":"131053","title":"Media upload error"},{"code":131000,"message":"Something"}]`, []string{"The file could not be fetched", "Something went wrong at Meta"}},
		"new":     {`,"errors":[{"code":999999,"title":"A new one"}]`, []string{"Meta says: A new one (999999)"}},
		"none":    {"", []string{"Meta gave no reason"}},
		"strange": {`,"errors":[{"code":{"x":1},"title":"T"}]`, []string{"Failed", "T"}},
	} {
		t.Run(id, func(t *testing.T) {
			f.inbound(statusPost("101", "201", "wamid."+id, "failed", tt.errors))
			b.get("/messages?id=wamid."+id).page(200, tt.words...)
		})
	}
}

func TestMessageOfGroup(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b := f.signedIn()
	for _, step := range [][2]string{{"delivered", "16505550111"}, {"delivered", "16505550222"}, {"read", "16505550111"}} {
		f.inbound(statusPost("101", "201", "wamid.g", step[0], `,"recipient_participant_id":"`+step[1]+`"`))
	}
	page := b.get("/messages?id=wamid.g").page(200, "Members of the group", "16505550111", "16505550222")
	if n := strings.Count(page.Body.String(), `<ol class="timeline">`); n != 2 {
		t.Errorf("%d timelines", n)
	}
}

func TestTemplatePage(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	f.tenant("Najd")
	b := f.signedIn()
	b.get("/tenants/1/templates").page(200, "No templates yet", "message_template_status_update")
	f.inbound(templatePost("101", "order_update", "APPROVED", `,"message_template_category":"UTILITY","reason":"NONE"`))
	f.inbound(templatePost("101", "cart_reminder", "REJECTED", `,"message_template_category":"MARKETING","reason":"INVALID_FORMAT"`))
	f.inbound(templatePost("101", "otp", "SOMETHING_NEW", `,"reason":"because"`))
	f.inbound(templatePost("102", "others", "APPROVED", ""))
	b.get("/tenants/1/templates").page(200, "order_update", "Approved", "Utility", "cart_reminder", "Rejected", "Marketing", "Its form is not valid", "SOMETHING_NEW", "because", "en_US", "Oasis").lacks("others", "NONE", "INVALID_FORMAT")
	b.get("/tenants/1/templates?status=rejected").page(200, "cart_reminder", "Show all").lacks("order_update", "otp")
	b.get("/tenants/1/templates?status=SOMETHING_NEW&account=1").page(200, "otp").lacks("order_update")
	b.get("/tenants/1/templates?status=PAUSED").page(200, "No template matches")
	b.get("/tenants/1/templates?account=2").page(422, "Choose one of those that are offered")
	b.get("/tenants/2/templates").page(200, "others").lacks("order_update")
	b.get("/tenants/3/templates").page(404)
	f.ok(f.store.DeleteAccount(t.Context(), 1, 1))
	b.get("/tenants/1/templates").page(200, "order_update", "Deleted")
}
