package past

import "time"

// seed makes all that is drawn the same each time.
const seed = 20260310

// tenant is a customer of the appliance, and how much happens there.
type tenant struct {
	name, zone string
	arabic     bool   // most of its customers write Arabic
	country    string // of its customers' numbers
	perDay     int    // conversations
	accounts   []account
	endpoints  []endpoint
}

// account is a WhatsApp number. It is invented, like all numbers and ids in here.
type account struct {
	name, waba, phone, display string
	idle                       bool // nothing has come for it yet
}

type endpoint struct {
	path, description string
	events            []string
	retries           []string
	headers           map[string]string
	raw               bool
	added             time.Duration // before the end of the past; 0: with the tenant
}

// The paths of the endpoints at the receiver.
const (
	clinicCRM       = "/clinics/crm/webhooks"
	clinicAnalytics = "/clinics/analytics/ingest"
	hotelBookings   = "/hotels/bookings/whatsapp"
	hotelDesk       = "/hotels/front-desk/inbox"
	shopOld         = "/shop/orders/v1/hook"
	shopNew         = "/shop/orders/v2/events"
	parcelTracking  = "/parcel/tracking/events"
	parcelRisk      = "/parcel/risk/reports"
)

const day = 24 * time.Hour

// The moments of the week that several things go by, before its end.
const (
	outageBegan  = 27*time.Hour + 10*time.Minute // the clinics' CRM
	outageEnded  = 26*time.Hour + 25*time.Minute
	bookingsDown = 47 * time.Minute
	shopMoved    = 3*day + 5*time.Hour
)

var behaviours = map[string]behaviour{
	clinicCRM:       out(outageBegan, outageEnded, healthy(85*time.Millisecond)),
	clinicAnalytics: slow,
	hotelBookings:   down(bookingsDown, healthy(140*time.Millisecond)),
	hotelDesk:       healthy(55 * time.Millisecond),
	shopOld:         gone(shopMoved, healthy(210*time.Millisecond)),
	shopNew:         healthy(120 * time.Millisecond),
	parcelTracking:  healthy(35 * time.Millisecond),
	parcelRisk:      healthy(90 * time.Millisecond),
}

var tenants = []tenant{
	{
		name: "مجمع النخيل الطبي", zone: "Asia/Riyadh", arabic: true, country: "9665000", perDay: 42,
		accounts: []account{
			{name: "المواعيد", waba: "398712345600021", phone: "510000000000201", display: "+966 50 000 0201"},
			{name: "الصيدلية", waba: "398712345600021", phone: "510000000000202", display: "+966 50 000 0202"},
		},
		endpoints: []endpoint{
			{path: clinicCRM, description: "CRM: appointments and patients", events: []string{"*"}, retries: []string{"30s", "2m", "10m"}},
			{path: clinicAnalytics, description: "مستودع التحليلات", events: []string{"message.received", "campaign.completed", "template.status_changed"}, retries: []string{"1m", "5m"}, raw: true},
		},
	},
	{
		name: "Harbour & Lane Hotels", zone: "Europe/London", country: "4477009", perDay: 30,
		accounts: []account{
			{name: "Reservations", waba: "398712345600031", phone: "510000000000301", display: "+44 7700 900301"},
			{name: "Concierge", waba: "398712345600032", phone: "510000000000302", display: "+44 7700 900302"},
		},
		endpoints: []endpoint{
			{path: hotelBookings, description: "Booking system", events: []string{"*"}, retries: []string{"30s", "2m", "10m"}},
			{path: hotelDesk, description: "Front desk inbox", events: []string{"message.received"}, retries: []string{"10s", "1m", "5m"}, headers: map[string]string{"X-Property": "harbour"}},
		},
	},
	{
		name: "متجر الياسمين", zone: "Africa/Cairo", arabic: true, country: "2010000", perDay: 34,
		accounts: []account{{name: "خدمة العملاء", waba: "398712345600041", phone: "510000000000401", display: "+20 10 0000 0401"}},
		endpoints: []endpoint{
			{path: shopOld, description: "نظام الطلبات القديم", events: []string{"*"}, retries: []string{"30s", "2m"}},
			{path: shopNew, description: "Orders v2", events: []string{"*"}, retries: []string{"10s", "1m", "10m"}, added: shopMoved - time.Hour},
		},
	},
	{
		name: "Gulf Parcel", zone: "Asia/Dubai", country: "9715000", perDay: 56,
		accounts: []account{
			{name: "Delivery updates", waba: "398712345600051", phone: "510000000000501", display: "+971 50 000 0501"},
			{name: "Business customers", waba: "398712345600052", phone: "510000000000502", display: "+971 50 000 0502", idle: true},
		},
		endpoints: []endpoint{
			{path: parcelTracking, description: "Tracking", events: []string{"message.received", "message.status_updated"}, retries: []string{"5s", "30s", "5m"}},
			{path: parcelRisk, description: "Blocks and reports", events: []string{"account.quality_event"}, added: 35 * time.Minute},
		},
	},
}
