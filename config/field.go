package config

import (
	"reflect"
	"strings"

	"cubeconnect/webhook"
)

// envPrefix is what the environment variables of this program begin with.
const envPrefix = "CUBECONNECT_"

// field is one key of a configuration and the place of its value.
type field struct {
	key   string // public.tls.mode
	env   string // CUBECONNECT_PUBLIC_TLS_MODE
	value reflect.Value
}

// fields lists the keys of c in the order in which they stand in [Config].
func (c *Config) fields() []field {
	return appendFields(nil, "", reflect.ValueOf(c).Elem())
}

func appendFields(fields []field, prefix string, v reflect.Value) []field {
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("toml")
		if key == "" {
			continue // not ours to read: the inside of a value
		}
		key = prefix + key
		if isTable(v.Field(i).Type()) {
			fields = appendFields(fields, key+".", v.Field(i))
			continue
		}
		fields = append(fields, field{key: key, env: envName(key), value: v.Field(i)})
	}
	return fields
}

// isTable tells a table of keys from a value that happens to be a struct, such as a secret.
func isTable(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() > 0 && t.Field(0).Tag.Get("toml") != ""
}

func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// isSecret reports whether the field has a twin that names a file.
func (f field) isSecret() bool {
	switch f.value.Interface().(type) {
	case webhook.Secret, []webhook.Secret:
		return true
	}
	return false
}

// isEmpty reports whether nothing is set.
func (f field) isEmpty() bool {
	return f.value.IsZero() || f.value.Kind() == reflect.Slice && f.value.Len() == 0
}
