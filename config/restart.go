package config

import (
	"reflect"
	"strings"
)

// RestartNeeded returns the keys that differ in next and can't change while the program runs: open
// listeners, an open database and the form of the log stay what they are.
func (c *Config) RestartNeeded(next *Config) (keys []string) {
	after := next.fields()
	for i, f := range c.fields() {
		if isFixed(f.key) && !reflect.DeepEqual(f.value.Interface(), after[i].value.Interface()) {
			keys = append(keys, f.key)
		}
	}
	return keys
}

func isFixed(key string) bool {
	switch key {
	case "data_dir", "master_key_file", "public.listen", "admin.listen", "log.format":
		return true
	}
	return strings.HasPrefix(key, "public.tls.")
}
