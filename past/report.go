package past

import (
	"context"
	"net/http"
	"time"

	"cubeconnect/webhook"
)

// send adds a POST of Meta's, and sometimes the same again, as Meta does when it is unsure.
func (p *play) send(at time.Time, body []byte) {
	p.post(at, body)
	if p.r.IntN(120) == 0 {
		p.post(at.Add(p.between(2*time.Second, 30*time.Second)), body)
	}
}

func (p *play) post(at time.Time, body []byte) {
	p.at(at, func(ctx context.Context, s *stage) error { return s.post(ctx, body, s.secret, http.StatusOK) })
}

// report is what Meta says of accounts and templates.
func (p *play) report() {
	says := func(left time.Duration, waba, field string, value object) {
		at := p.now.Add(-left - p.between(0, time.Minute))
		p.post(at, envelope(waba, at, object{"field": field, "value": value}))
	}
	for _, t := range tenants {
		for _, a := range t.accounts {
			if !a.idle {
				says(p.between(6*day, Week-time.Hour), a.waba, "account_review_update", object{"decision": "APPROVED"})
			}
		}
	}
	says(6*day, "398712345600021", "business_capability_update", object{"max_daily_conversations_per_business": "TIER_10K", "max_phone_numbers_per_business": 25})
	says(6*day, "398712345600031", "business_capability_update", object{"max_daily_conversations_per_business": "TIER_2K"})
	says(6*day, "398712345600041", "business_capability_update", object{"max_daily_conversations_per_business": "TIER_10K"})
	says(6*day, "398712345600051", "business_capability_update", object{"max_daily_conversations_per_business": "TIER_100K"})
	says(5*day, "398712345600021", "phone_number_quality_update", object{"display_phone_number": "966500000201", "event": "UNFLAGGED", "current_limit": "TIER_10K"})
	says(4*day, "398712345600051", "phone_number_quality_update", object{"display_phone_number": "971500000501", "event": "THROUGHPUT_UPGRADE", "max_daily_conversations_per_business": "TIER_UNLIMITED"})
	says(3*day, "398712345600041", "phone_number_name_update", object{"display_phone_number": "201000000401", "decision": "APPROVED", "requested_verified_name": "متجر الياسمين"})
	says(31*time.Hour, "398712345600032", "phone_number_quality_update", object{"display_phone_number": "447700900302", "event": "FLAGGED", "current_limit": "TIER_250"})
	says(8*time.Hour, "398712345600032", "account_update", object{"event": "ACCOUNT_RESTRICTION", "restriction_info": []object{{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": p.now.Add(2 * day).Unix()}}})
	says(26*time.Hour, "398712345600051", "payment_configuration_update", object{"configuration_name": "gulf-pay", "status": "Active"}) // nothing follows from it

	ids := map[string]int{}
	for _, c := range []struct {
		left                                          time.Duration
		waba, event, name, language, category, reason string
	}{
		{6*day + 3*time.Hour, "398712345600021", "APPROVED", "appointment_reminder", "ar", "UTILITY", "NONE"},
		{6*day + 2*time.Hour, "398712345600021", "APPROVED", "appointment_reminder", "en", "UTILITY", "NONE"},
		{6 * day, "398712345600031", "APPROVED", "booking_confirmation", "en_GB", "UTILITY", "NONE"},
		{5 * day, "398712345600031", "REJECTED", "summer_offer", "en_GB", "MARKETING", "PROMOTIONAL"},
		{5 * day, "398712345600041", "APPROVED", "order_shipped", "ar", "UTILITY", "NONE"},
		{4 * day, "398712345600041", "APPROVED", "ramadan_sale", "ar", "MARKETING", "NONE"},
		{30 * time.Hour, "398712345600041", "FLAGGED", "ramadan_sale", "ar", "MARKETING", "NONE"},
		{3 * time.Hour, "398712345600041", "PAUSED", "ramadan_sale", "ar", "MARKETING", "NONE"},
		{6 * day, "398712345600051", "APPROVED", "parcel_out_for_delivery", "en", "UTILITY", "NONE"},
		{6 * day, "398712345600051", "APPROVED", "parcel_out_for_delivery", "ar", "UTILITY", "NONE"},
		{2 * day, "398712345600051", "REJECTED", "pay_duties", "en", "UTILITY", "INVALID_FORMAT"},
		{50 * time.Minute, "398712345600051", "PENDING_DELETION", "holiday_hours", "en", "UTILITY", "NONE"},
		{40 * time.Minute, "398712345600032", "DISABLED", "spa_weekend", "en_GB", "MARKETING", "NONE"},
	} {
		at := p.now.Add(-c.left - p.between(0, time.Minute))
		id, known := ids[c.name+c.language]
		if !known {
			id = len(ids) + 1
			ids[c.name+c.language] = id
		}
		p.post(at, envelope(c.waba, at, template(c.event, id, c.name, c.language, c.category, c.reason)))
	}
	parcel := &tenants[3]
	p.before(6*day+20*time.Minute, func(ctx context.Context, s *stage) error {
		return s.publish(ctx, integration, parcel, webhook.TemplateSubmitted, object{
			"whatsapp_account_id": s.accounts["510000000000501"], "template_name": "parcel_out_for_delivery", "language": "en", "category": "UTILITY", "status": "PENDING",
		})
	})
	p.before(22*time.Hour, func(ctx context.Context, s *stage) error {
		return s.publish(ctx, integration, parcel, webhook.AccountQualityEvent, object{"whatsapp_account_id": s.accounts["510000000000501"], "type": "block", "user_phone": "+971500012345"})
	})
}

// intrude is what comes in that should not, or that nothing can be made of.
func (p *play) intrude() {
	forged := envelope("398712345600021", p.now, object{"field": "messages", "value": object{"messaging_product": "whatsapp"}})
	forge := func(left time.Duration) {
		p.before(left, func(ctx context.Context, s *stage) error {
			return s.post(ctx, forged, "a guess", http.StatusUnauthorized)
		})
	}
	for range 34 { // somebody tries it for a while
		forge(p.between(9*time.Hour, 9*time.Hour+20*time.Minute))
	}
	for _, left := range []time.Duration{5 * day, 3 * day, 30 * time.Hour, 4 * time.Hour, 38 * time.Minute} {
		forge(left + p.between(0, time.Minute))
	}
	stranger := account{waba: "100000000000099", phone: "100000000000199", display: "+1 555 0100"}
	for i, left := range []time.Duration{6 * day, 4 * day, 29 * time.Hour, 7 * time.Hour, 90 * time.Minute, 26 * time.Minute} {
		at := p.now.Add(-left - p.between(0, time.Minute))
		p.post(at, stranger.received(&person{"Sam Rivera", "15550101"}, at, wamid(p.r, "15550101"), object{"type": "text", "text": object{"body": "Is this number still in use?"}}))
		if i%3 == 0 {
			p.post(at.Add(time.Minute), envelope(tenants[1].accounts[0].waba, at, object{"field": "calls", "value": object{"messaging_product": "whatsapp"}}))
		}
	}
	p.post(p.now.Add(-34*time.Hour), []byte(`{"object":"whatsapp_business_account","entry":[{"id":"3987123456`)) // cut short on its way
}
