// SPDX-License-Identifier: Apache-2.0

package app

import (
	"reflect"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
)

// restartKeys are the keys whose values gyr takes once, at its start: what the kernel's side and the
// tables of the state are made of. A key with others below it stands for all of them. A reload with
// a new value for one of them keeps the old value and says that it does.
var restartKeys = []string{"engine", "falco_libs", "capture", "webserver", "gyr.host_root", "gyr.control"}

// keepStart puts the values of the start into cfg where they cannot change, and returns the keys
// whose new values are not in force.
func keepStart(cfg, start *config.Config) (kept []string) {
	for _, key := range restartKeys {
		dst, src := reflect.ValueOf(cfg).Elem(), reflect.ValueOf(start).Elem()
		for _, part := range strings.Split(key, ".") {
			i := fieldByKey(dst.Type(), part)
			dst, src = dst.Field(i), src.Field(i)
		}
		kept = keepValue(kept, dst, src, key)
	}
	return kept
}

// keepValue puts src into dst and appends the keys below key that were different.
func keepValue(kept []string, dst, src reflect.Value, key string) []string {
	switch {
	case dst.Kind() == reflect.Struct:
		for i := range dst.NumField() {
			if name := dst.Type().Field(i).Tag.Get("yaml"); name != "" && name != "-" {
				kept = keepValue(kept, dst.Field(i), src.Field(i), key+"."+name)
			}
		}
		return kept
	case dst.Kind() == reflect.Interface: // a key that is only there to be refused
	case !reflect.DeepEqual(dst.Interface(), src.Interface()):
		kept = append(kept, key)
	}
	dst.Set(src)
	return kept
}

// fieldByKey is the index of the field with a key, -1 without one.
func fieldByKey(t reflect.Type, key string) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") == key {
			return i
		}
	}
	return -1
}
