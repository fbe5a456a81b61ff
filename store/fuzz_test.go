package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

// FuzzCursor hands every list a cursor of a client's making: it is refused as the client's fault, or it leads
// to a page.
func FuzzCursor(f *testing.F) {
	o := openStore(f).newTenant()
	o.endpoint()
	o.acceptMany(5, "a")
	for _, cursor := range []string{
		"", "1", "0", "4294967295", "4294967296", "-1", "01KKBR5PKRBKSCTNXPRC000001", strings.Repeat("z", 26), "AAAA", "\x00", "{}", strings.Repeat("9", 1000),
	} {
		f.Add(cursor, uint32(1), uint16(2))
	}
	if list, err := o.Deliveries(ctx(), o.tenant, webhook.DeliveryFilter{}, webhook.Page{Limit: 2}); err != nil || list.Next == "" {
		f.Fatal("no cursor", err)
	} else {
		f.Add(list.Next, o.tenant, uint16(2))
	}
	f.Fuzz(func(t *testing.T, cursor string, tenant uint32, limit uint16) {
		p := webhook.Page{Cursor: cursor, Limit: int(limit)}
		for name, list := range map[string]func() (int, string, error){
			"tenants":   func() (int, string, error) { l, err := o.Tenants(ctx(), p); return len(l.Items), l.Next, err },
			"accounts":  func() (int, string, error) { l, err := o.Accounts(ctx(), tenant, p); return len(l.Items), l.Next, err },
			"endpoints": func() (int, string, error) { l, err := o.Endpoints(ctx(), tenant, p); return len(l.Items), l.Next, err },
			"api keys":  func() (int, string, error) { l, err := o.APIKeys(ctx(), p); return len(l.Items), l.Next, err },
			"events": func() (int, string, error) {
				l, err := o.Events(ctx(), tenant, webhook.EventFilter{}, p)
				return len(l.Items), l.Next, err
			},
			"deliveries": func() (int, string, error) {
				l, err := o.Deliveries(ctx(), tenant, webhook.DeliveryFilter{}, p)
				return len(l.Items), l.Next, err
			},
			"failed": func() (int, string, error) {
				l, err := o.Deliveries(ctx(), tenant, webhook.DeliveryFilter{Status: webhook.Failed}, p)
				return len(l.Items), l.Next, err
			},
			"audit": func() (int, string, error) {
				l, err := o.Audits(ctx(), webhook.AuditFilter{}, p)
				return len(l.Items), l.Next, err
			},
			"templates": func() (int, string, error) {
				l, err := o.Templates(ctx(), webhook.TemplateFilter{}, p)
				return len(l.Items), l.Next, err
			},
			"trail": func() (int, string, error) {
				l, err := o.Trail(ctx(), webhook.TrailFilter{}, p)
				return len(l.Items), l.Next, err
			},
		} {
			n, next, err := list()
			var fields webhook.FieldErrors
			if err != nil && !errors.Is(err, webhook.ErrNotFound) && (!errors.As(err, &fields) || len(fields["cursor"]) == 0) {
				t.Errorf("%s from %q: %v", name, cursor, err)
			}
			if n > webhook.MaxPage || err != nil && (n > 0 || next != "") {
				t.Errorf("%s from %q: %d items, next %q, %v", name, cursor, n, next, err)
			}
		}
	})
}

// FuzzRestore changes a backup: what is restored is sound, everything else is refused, and nothing is left.
func FuzzRestore(f *testing.F) {
	o := openStore(f).newTenant()
	o.endpoint()
	o.acceptMany(3, "a")
	content, err := os.ReadFile(o.save())
	o.ok(err)
	f.Add(uint32(0), []byte{}, uint32(len(content)))
	f.Add(uint32(0), []byte("not a database"), uint32(len(content)))
	f.Add(uint32(16), []byte{0xff, 0xff}, uint32(len(content)))
	f.Add(uint32(store.FilePage*3), []byte{0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0xff, 0xff}, uint32(len(content)))
	f.Add(uint32(0), []byte{}, uint32(store.FilePage))
	for page := range uint32(len(content) / store.FilePage) {
		f.Add(page*store.FilePage+8, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, uint32(len(content)))
		f.Add(page*store.FilePage+16, []byte{0xff, 0, 0xff}, uint32(len(content)))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, length uint32) {
		changed := append([]byte(nil), content...)
		copy(changed[int(at)%len(changed):], patch)
		changed = changed[:min(int(length), len(changed))]
		backup, path := filepath.Join(dir, "backup.db"), filepath.Join(dir, "restored", "cubeconnect.db")
		if err := os.WriteFile(backup, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(filepath.Dir(path))
		if _, err := store.Restore(backup, path, ring); err == nil {
			verify(t, path)
			return
		}
		if entries, err := os.ReadDir(filepath.Dir(path)); err == nil && len(entries) > 0 {
			t.Errorf("%s is left", entries[0].Name())
		}
	})
}
