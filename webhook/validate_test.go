package webhook

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// faulty compares the fields that are wrong, in order.
func faulty(t *testing.T, got FieldErrors, want ...string) {
	t.Helper()
	if fields := slices.Sorted(maps.Keys(got)); !slices.Equal(fields, want) {
		t.Errorf("faults %v, want of %q", got, want)
	}
}

func TestTenantValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		tenant Tenant
		want   []string
	}{
		"good":              {Tenant{Name: "Akme", Timezone: "Asia/Riyadh"}, nil},
		"arabic":            {Tenant{Name: "شركة المكعب", Timezone: "UTC"}, nil},
		"longest name":      {Tenant{Name: strings.Repeat("ش", 200), Timezone: "UTC"}, nil},
		"too long":          {Tenant{Name: strings.Repeat("x", 201), Timezone: "UTC"}, []string{"name"}},
		"blank":             {Tenant{Name: " \t", Timezone: "UTC"}, []string{"name"}},
		"control":           {Tenant{Name: "a\x00b", Timezone: "UTC"}, []string{"name"}},
		"two lines":         {Tenant{Name: "a\nb", Timezone: "UTC"}, []string{"name"}},
		"no zone":           {Tenant{Name: "a"}, []string{"timezone"}},
		"unknown zone":      {Tenant{Name: "a", Timezone: "Asia/Riad"}, []string{"timezone"}},
		"this machine's":    {Tenant{Name: "a", Timezone: "Local"}, []string{"timezone"}},
		"the same":          {Tenant{Name: "a", Timezone: "local"}, []string{"timezone"}},
		"by its file":       {Tenant{Name: "a", Timezone: "localtime"}, []string{"timezone"}},
		"with leap seconds": {Tenant{Name: "a", Timezone: "right/UTC"}, []string{"timezone"}},
		"a path":            {Tenant{Name: "a", Timezone: "../../etc/passwd"}, []string{"timezone"}},
		"an absolute path":  {Tenant{Name: "a", Timezone: "/etc/localtime"}, []string{"timezone"}},
		"both":              {Tenant{}, []string{"name", "timezone"}},
	} {
		t.Run(name, func(t *testing.T) { faulty(t, tt.tenant.Validate(), tt.want...) })
	}
}

func TestTenantLocation(t *testing.T) {
	riyadh := Tenant{Timezone: "Asia/Riyadh"}
	if _, offset := time.Unix(0, 0).In(riyadh.Location()).Zone(); offset != 3*3600 {
		t.Errorf("offset %d", offset)
	}
	for _, name := range []string{"", "Local", "No/Such"} {
		if got := (&Tenant{Timezone: name}).Location(); got != time.UTC {
			t.Errorf("%q is %v", name, got)
		}
	}
}

func TestAccountValidate(t *testing.T) {
	good := Account{Name: "Support", WABAID: "102290129340398", PhoneNumberID: "106540352242922"}
	for name, tt := range map[string]struct {
		change func(*Account)
		want   []string
	}{
		"good":           {func(*Account) {}, nil},
		"all":            {func(a *Account) { a.DisplayPhoneNumber, a.AccessToken = "+966 11 000 0000", NewSecret("EAAG1") }, nil},
		"nothing":        {func(a *Account) { *a = Account{} }, []string{"name", "phone_number_id", "waba_id"}},
		"no digits":      {func(a *Account) { a.WABAID = "12a" }, []string{"waba_id"}},
		"other digits":   {func(a *Account) { a.PhoneNumberID = "١٢٣" }, []string{"phone_number_id"}},
		"long id":        {func(a *Account) { a.WABAID = strings.Repeat("1", 33) }, []string{"waba_id"}},
		"long number":    {func(a *Account) { a.DisplayPhoneNumber = strings.Repeat("1", 33) }, []string{"display_phone_number"}},
		"longest token":  {func(a *Account) { a.AccessToken = NewSecret(strings.Repeat("x", 4096)) }, nil},
		"long token":     {func(a *Account) { a.AccessToken = NewSecret(strings.Repeat("x", 4097)) }, []string{"access_token"}},
		"token in lines": {func(a *Account) { a.AccessToken = NewSecret("a\r\nHost: b") }, []string{"access_token"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := good
			tt.change(&a)
			faults := a.Validate()
			faulty(t, faults, tt.want...)
			if token := a.AccessToken.Reveal(); token != "" && strings.Contains(faults.Error(), token) {
				t.Error("the token is in the error")
			}
		})
	}
}

func TestEndpointValidate(t *testing.T) {
	many := map[string]string{}
	for i := range MaxHeaders + 1 {
		many["X-"+strings.Repeat("a", i+1)] = "v"
	}
	for name, tt := range map[string]struct {
		change func(*Endpoint)
		want   []string
	}{
		"good":               {func(*Endpoint) {}, nil},
		"all events":         {func(e *Endpoint) { e.Events = EventTypes }, nil},
		"no url":             {func(e *Endpoint) { e.URL = "" }, []string{"url"}},
		"long url":           {func(e *Endpoint) { e.URL = "https://" + strings.Repeat("x", MaxURL) }, []string{"url"}},
		"url in lines":       {func(e *Endpoint) { e.URL = "https://example.com/\r\nX: y" }, []string{"url"}},
		"no events":          {func(e *Endpoint) { e.Events = nil }, []string{"events"}},
		"unknown event":      {func(e *Endpoint) { e.Events = []string{"message.recieved"} }, []string{"events"}},
		"event twice":        {func(e *Endpoint) { e.Events = []string{"*", "*"} }, []string{"events"}},
		"description":        {func(e *Endpoint) { e.Description = "two\nlines" }, nil},
		"long description":   {func(e *Endpoint) { e.Description = strings.Repeat("x", 501) }, []string{"description"}},
		"no retries":         {func(e *Endpoint) { e.Retries = Schedule{} }, nil},
		"long wait":          {func(e *Endpoint) { e.Retries = Schedule{Duration(8 * 24 * time.Hour)} }, []string{"retries"}},
		"many retries":       {func(e *Endpoint) { e.Retries = make(Schedule, MaxRetries+1) }, []string{"retries"}},
		"negative wait":      {func(e *Endpoint) { e.Retries = Schedule{-1} }, []string{"retries"}},
		"shortest timeout":   {func(e *Endpoint) { e.Timeout = MinTimeout }, nil},
		"short timeout":      {func(e *Endpoint) { e.Timeout = MinTimeout - 1 }, []string{"timeout"}},
		"long timeout":       {func(e *Endpoint) { e.Timeout = MaxTimeout + 1 }, []string{"timeout"}},
		"headers":            {func(e *Endpoint) { e.Headers = map[string]string{"X-Api-Key": "k", "X-Empty": ""} }, nil},
		"forbidden header":   {func(e *Endpoint) { e.Headers = map[string]string{"host": "x"} }, []string{"headers"}},
		"header name":        {func(e *Endpoint) { e.Headers = map[string]string{"X Y": "x"} }, []string{"headers"}},
		"no header name":     {func(e *Endpoint) { e.Headers = map[string]string{"": "x"} }, []string{"headers"}},
		"header smuggled":    {func(e *Endpoint) { e.Headers = map[string]string{"X-A": "a\r\nX-B: b"} }, []string{"headers"}},
		"header with NUL":    {func(e *Endpoint) { e.Headers = map[string]string{"X-A": "a\x00"} }, []string{"headers"}},
		"header with spaces": {func(e *Endpoint) { e.Headers = map[string]string{"X-A": " a"} }, []string{"headers"}},
		"header twice":       {func(e *Endpoint) { e.Headers = map[string]string{"X-A": "a", "x-a": "b"} }, []string{"headers"}},
		"many headers":       {func(e *Endpoint) { e.Headers = many }, []string{"headers"}},
		"large headers":      {func(e *Endpoint) { e.Headers = map[string]string{"X-A": strings.Repeat("a", MaxHeaderBytes)} }, []string{"headers"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := Endpoint{URL: "https://example.com/in", Events: []string{"*"}}
			tt.change(&e)
			faulty(t, e.Validate(func(h string) bool { return strings.EqualFold(h, "Host") }), tt.want...)
		})
	}
	e := Endpoint{URL: "https://example.com", Events: []string{"message.recieved"}}
	if got := e.Validate(nil).Error(); !strings.Contains(got, `"message.recieved"`) {
		t.Errorf("%s does not name the wrong event", got)
	}
}

func TestValidateSecret(t *testing.T) {
	for value, ok := range map[string]bool{
		"12345678":                   true,
		"with space":                 true,
		strings.Repeat("x", 256):     true,
		GenerateSecret().Reveal():    true,
		"1234567":                    false,
		strings.Repeat("x", 257):     false,
		"passwört":                   false,
		"tab\tinside":                false,
		"whsec_!!!!":                 false,
		"whsec_":                     false,
		"whsec_bm90IHBhZGRlZCBrZXk":  false,
		"whsec_bm90IHBhZGRlZCBrZXk=": true,
	} {
		faults := ValidateSecret(NewSecret(value))
		if (len(faults) == 0) != ok {
			t.Errorf("%q: %v", value, faults)
		}
		if value != "whsec_" && strings.Contains(faults.Error(), value) {
			t.Errorf("%s tells the secret", faults)
		}
	}
}

func TestValidateIdempotencyKey(t *testing.T) {
	for key, ok := range map[string]bool{"1": true, strings.Repeat("k", 255): true, "": false, strings.Repeat("k", 256): false, "a\x7f": false, "ü": false} {
		if faults := ValidateIdempotencyKey(key); (len(faults) == 0) != ok {
			t.Errorf("%q: %v", key, faults)
		}
	}
}

func TestClip(t *testing.T) {
	if got := clip("a\xff" + strings.Repeat("é", 100)); len(got) > 70 || strings.Contains(got, "\xff") {
		t.Errorf("%q", got)
	}
}
