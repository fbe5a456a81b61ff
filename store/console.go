package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"cubeconnect/webhook"
)

// kLogin is the name of the one record that the console has.
var kLogin = []byte("login")

type loginRecord struct {
	Password string          `json:"password"`
	Sessions []sessionRecord `json:"sessions"`
}

type sessionRecord struct {
	Hash      []byte    `json:"hash"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
}

// Login returns how the administrator gets into the console.
func (s *Store) Login(ctx context.Context) (l webhook.Login, err error) {
	err = s.viewOf(ctx, []bucket{bConsole}, func(r *reader) error {
		l, err = decodeLogin(r.get(bConsole, kLogin))
		return err
	})
	return l, err
}

// UpdateLogin hands what is stored to change and stores what that leaves. An error of change is returned
// as it is, and nothing is stored.
func (s *Store) UpdateLogin(ctx context.Context, change func(*webhook.Login) error) error {
	return s.update(ctx, func(t *tx) error {
		old, err := decodeLogin(t.get(bConsole, kLogin))
		if err != nil {
			return err
		}
		l := old
		l.Sessions = slices.Clone(old.Sessions)
		if err := change(&l); err != nil {
			return err
		}
		v, err := encodeLogin(l)
		if err != nil {
			return err
		}
		t.put(bConsole, kLogin, v)
		return t.noteLogin(ctx, &old, &l)
	})
}

func encodeLogin(l webhook.Login) ([]byte, error) {
	r := loginRecord{Password: l.Password}
	for _, s := range l.Sessions {
		r.Sessions = append(r.Sessions, sessionRecord{s.Hash[:], s.CreatedAt, s.SeenAt})
	}
	return json.Marshal(r)
}

func decodeLogin(v []byte) (l webhook.Login, err error) {
	if v == nil {
		return l, nil
	}
	var r loginRecord
	if err := unmarshal(v, &r); err != nil {
		return l, fmt.Errorf("console login: %w", err)
	}
	l.Password = r.Password
	for _, s := range r.Sessions {
		if len(s.Hash) != 32 {
			return l, fmt.Errorf("console login: %w", errRecord)
		}
		l.Sessions = append(l.Sessions, webhook.Session{Hash: [32]byte(s.Hash), CreatedAt: s.CreatedAt, SeenAt: s.SeenAt})
	}
	return l, nil
}
