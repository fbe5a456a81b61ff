package past

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// administer is what people do in the course of the week.
func (p *play) administer() {
	change := func(left time.Duration, who, path string, body object) {
		p.before(left+p.between(0, 50*time.Second), func(ctx context.Context, s *stage) error {
			_, err := s.api(ctx, who, "PATCH", s.paths[path], body, http.StatusOK)
			return err
		})
	}
	replay := func(left time.Duration, who string, t *tenant, path string, body object) {
		p.before(left+p.between(0, 50*time.Second), func(ctx context.Context, s *stage) error {
			var id uint32
			if _, err := fmt.Sscanf(s.paths[path], s.of(t)+"/endpoints/%d", &id); err != nil {
				return err
			}
			body["endpoint"] = id
			_, err := s.call(ctx, who, "POST", s.of(t)+"/replays", body, http.StatusAccepted)
			return err
		})
	}
	clinics, hotels, shop := &tenants[0], &tenants[1], &tenants[2]
	change(6*day+2*time.Hour, support, clinicAnalytics, object{"timeout": "10s"})
	p.before(5*day, func(ctx context.Context, s *stage) error { return s.key(ctx, support, trial, "") })
	change(4*day+6*time.Hour, support, parcelTracking, object{"enabled": false})
	change(4*day+6*time.Hour-18*time.Minute, support, parcelTracking, object{"enabled": true})
	p.before(4*day, func(ctx context.Context, s *stage) error {
		_, err := s.api(ctx, support, "DELETE", fmt.Sprintf("/api-keys/%d", s.keyIDs[trial]), nil, http.StatusOK)
		return err
	})
	replay(shopMoved-time.Hour-5*time.Minute, deploy, shop, shopNew, object{"status": "missing"})
	change(2*day, support, hotelDesk, object{"description": "Front desk inbox (both houses)"})
	p.before(28*time.Hour, func(ctx context.Context, s *stage) error {
		_, err := s.call(ctx, support, "POST", s.paths[hotelDesk]+"/secret", nil, http.StatusOK)
		return err
	})
	replay(outageEnded-15*time.Minute, support, clinics, clinicCRM, object{"status": "failed"})
	p.before(9*time.Minute, func(ctx context.Context, s *stage) error { return s.retryOldest(ctx, support, hotels) })
}

// retryOldest tries one dead letter once more.
func (s *stage) retryOldest(ctx context.Context, who string, t *tenant) error {
	data, err := s.call(ctx, who, "GET", s.of(t)+"/deliveries?status=failed", nil, http.StatusOK)
	if err != nil {
		return err
	}
	var list struct{ Items []struct{ ID string } }
	if err := json.Unmarshal(data, &list); err != nil || len(list.Items) == 0 {
		return err
	}
	_, err = s.call(ctx, who, "POST", fmt.Sprintf("%s/deliveries/%s/retry", s.of(t), list.Items[len(list.Items)-1].ID), nil, http.StatusAccepted)
	return err
}

// publish stores an event of the platform's own.
func (s *stage) publish(ctx context.Context, who string, t *tenant, event string, data object) error {
	_, err := s.call(ctx, who, "POST", s.of(t)+"/events", object{"event": event, "data": data}, http.StatusAccepted)
	return err
}
