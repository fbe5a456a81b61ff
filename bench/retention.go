package main

import "context"

// retention measures a tenant at 2,000/s, first where everything is kept, then where records expire a few
// seconds after they came: as many are removed as come in.
func (b *bench) retention(ctx context.Context) error {
	keeping := func(scenario, config string) step {
		return step{scenario, func(ctx context.Context) error {
			r, err := newReceiver(answers)
			if err != nil {
				return err
			}
			defer r.close()
			return b.installed(func(a *appliance) error {
				a.config = config
				return a.serving(ctx, func() error {
					m, err := a.tenant(r.url(), "")
					if err != nil {
						return err
					}
					t := trial{scenario: "warm-up", process: a.process, numbers: []number{m.number}, length: b.length, rate: 2000, receivers: []*receiver{r}, load: open(2000)}
					if _, err := b.measure(ctx, t); err != nil {
						return err
					}
					before := a.size()
					t.scenario = scenario
					if err := b.on(ctx, a, t); err != nil {
						return err
					}
					b.note("\"%s\": the file has %.2f GB after %s, and %.2f GB after as long again.", scenario, float64(before)/1e9, b.length, float64(a.size())/1e9)
					return nil
				})
			})
		}}
	}
	return b.rounds(ctx, "retention", []step{
		keeping("keeping", ""),
		keeping("expiring", `retention = { audit = "3s", deliveries = "3s", dedupe = "3s" }`),
	})
}
