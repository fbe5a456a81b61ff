package past

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"cubeconnect/webhook"
)

// shape is how much of a day's traffic comes in each of its hours.
var shape = [24]float64{
	.012, .008, .006, .006, .010, .018, .028, .040, .052, .060, .062, .060, .056, .054, .054, .056, .060, .064, .068, .066, .060, .048, .032, .020,
}

// rush is how much more the last hours bring: there is a sale.
func rush(left time.Duration) float64 {
	switch {
	case left < 2*time.Hour:
		return 2.6
	case left < day:
		return 1.3
	}
	return 1
}

// talk is the conversations of a tenant's customers.
func (p *play) talk(t *tenant) {
	zone, err := time.LoadLocation(t.zone)
	if err != nil {
		zone = time.UTC
	}
	r := rand.New(rand.NewPCG(seed, uint64(t.perDay)))
	people := make([]person, 48)
	for i := range people {
		people[i] = person{pick(r, names[t.arabic != (i%6 == 0)]), fmt.Sprintf("%s%05d", t.country, 10000+r.IntN(90000))}
	}
	const slot = 15 * time.Minute
	for left := Week - time.Hour; left > 0; left -= slot {
		weight := max(shape[p.now.Add(-left).In(zone).Hour()], 0.03*min(1, 2*float64(2*time.Hour-min(left, 2*time.Hour))/float64(time.Hour)))
		expected := float64(t.perDay) * weight * rush(left) * float64(slot) / float64(time.Hour)
		n := int(expected)
		if r.Float64() < expected-float64(n) {
			n++
		}
		for range n {
			p.converse(r, t, pick(r, t.busy()), &people[r.IntN(len(people))], p.now.Add(-left+time.Duration(r.Int64N(int64(slot)))))
		}
	}
}

// busy returns the accounts that something comes for.
func (t *tenant) busy() (list []*account) {
	for i := range t.accounts {
		if !t.accounts[i].idle {
			list = append(list, &t.accounts[i])
		}
	}
	return list
}

// converse is what a customer writes, and what becomes of the answer.
func (p *play) converse(r *rand.Rand, t *tenant, a *account, who *person, at time.Time) {
	answer := wamid(r, who.phone)
	for range 1 + r.IntN(2) {
		p.send(at, a.received(who, at, wamid(r, who.phone), content(r, t.arabic, answer)))
		at = at.Add(time.Duration(8+r.IntN(40)) * time.Second)
	}
	p.send(at, a.statuses(status("sent", answer, who.phone, at)))
	at = at.Add(time.Duration(900+r.IntN(2500)) * time.Millisecond)
	if r.IntN(40) == 0 {
		failed := status("failed", answer, who.phone, at)
		failed["errors"] = []object{pick(r, faults)}
		p.send(at, a.statuses(failed))
		return
	}
	p.send(at, a.statuses(status("delivered", answer, who.phone, at)))
	if r.IntN(4) > 0 {
		at = at.Add(time.Duration(3+r.IntN(400)) * time.Second)
		p.send(at, a.statuses(status("read", answer, who.phone, at)))
	}
}

// campaigns are a tenant's messages to many at once: every other day, and one that has just ended.
func (p *play) campaigns(t *tenant) {
	r := rand.New(rand.NewPCG(seed, uint64(t.perDay)+1000))
	title := map[bool]string{true: "عروض نهاية الأسبوع", false: "Weekend offers"}[t.arabic]
	first := 6*day + time.Duration(r.IntN(10))*time.Hour
	for i, left := 0, first; left > 3*time.Hour; i, left = i+1, left-2*day {
		p.campaign(r, t, 100+i, fmt.Sprintf("%s %d", title, i+1), left, 40+r.IntN(40))
	}
	p.campaign(r, t, 110, title, time.Duration(20+r.IntN(25))*time.Minute, 24+r.IntN(16))
}

// perPost is how many statuses Meta puts into one POST when there are many.
const perPost = 16

func (p *play) campaign(r *rand.Rand, t *tenant, id int, name string, left time.Duration, size int) {
	a := t.busy()[0]
	tell := func(left time.Duration, event string, more object) {
		more["campaign_id"], more["name"], more["total_count"] = strconv.Itoa(id), name, size
		p.before(left, func(ctx context.Context, s *stage) error { return s.publish(ctx, deploy, t, event, more) })
	}
	begins := p.now.Add(-left)
	tell(left+30*time.Minute, webhook.CampaignCreated, object{"status": "scheduled", "scheduled_at": begins.UTC().Format(time.RFC3339)})
	tell(left, webhook.CampaignStarted, object{"status": "sending"})
	failed := 0
	for from := 0; from < size; from += perPost {
		var sent, delivered, read []object
		at := begins.Add(time.Duration(from) * 400 * time.Millisecond)
		for range min(perPost, size-from) {
			to := fmt.Sprintf("%s%05d", t.country, 10000+r.IntN(90000))
			message := wamid(r, to)
			sent = append(sent, status("sent", message, to, at))
			if r.IntN(30) == 0 {
				fault := status("failed", message, to, at.Add(2*time.Second))
				fault["errors"] = []object{pick(r, faults)}
				delivered = append(delivered, fault)
				failed++
				continue
			}
			delivered = append(delivered, status("delivered", message, to, at.Add(2*time.Second)))
			if r.IntN(5) < 3 {
				read = append(read, status("read", message, to, at.Add(4*time.Minute)))
			}
		}
		p.send(at.Add(time.Second), a.statuses(sent...))
		p.send(at.Add(3*time.Second), a.statuses(delivered...))
		p.send(at.Add(5*time.Minute), a.statuses(read...))
	}
	tell(left-8*time.Minute, webhook.CampaignCompleted, object{"status": "completed", "sent_count": size - failed, "failed_count": failed})
}
