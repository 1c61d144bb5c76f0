// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// Merged is the configuration that holds: the document's values in the order of the structs, and
// the defaults where it has none. Keys that are not known are left out.
func (d *Document) Merged() *Value {
	return overlay(reflect.ValueOf(*Default()), d.Root)
}

// overlay puts the given values over a default.
func overlay(def reflect.Value, given *Value) *Value {
	if def.Kind() != reflect.Struct || given != nil && given.Kind != Map && given.Kind != Null {
		if given != nil && given.Kind != Null {
			return given
		}
		return valueOf(def)
	}
	merged := &Value{Kind: Map}
	for i := range def.NumField() {
		name := def.Type().Field(i).Tag.Get("yaml")
		if name == "-" || name == "" {
			continue
		}
		if v := overlay(def.Field(i), given.Lookup(name)); v != nil {
			if def.Type().Field(i).Tag.Get("secret") == "values" {
				v = hidden(v)
			}
			merged.Keys = append(merged.Keys, Key{Name: name, Value: v})
		}
	}
	return merged
}

// hidden is a copy of a value in which nothing is to be shown.
func hidden(v *Value) *Value {
	copied := *v
	copied.Secret = true
	copied.Items, copied.Keys = slices.Clone(v.Items), slices.Clone(v.Keys)
	for i := range copied.Items {
		copied.Items[i] = hidden(copied.Items[i])
	}
	for i := range copied.Keys {
		copied.Keys[i].Value = hidden(copied.Keys[i].Value)
	}
	return &copied
}

// valueOf makes a Value of a default, nil of one that stands for an absent key.
func valueOf(v reflect.Value) *Value {
	switch {
	case v.Type() == priorityType:
		return &Value{Kind: Scalar, Text: strings.ToLower(v.Interface().(alert.Priority).String()), Plain: true}
	case v.Type() == reflect.TypeFor[Interval]():
		return &Value{Kind: Scalar, Text: Interval(v.Int()).String(), Plain: true}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return nil
	case reflect.Struct:
		made := &Value{Kind: Map}
		for i := range v.NumField() {
			if name := v.Type().Field(i).Tag.Get("yaml"); name != "" && !v.Field(i).IsZero() {
				made.Keys = append(made.Keys, Key{Name: name, Value: valueOf(v.Field(i))})
			}
		}
		return made
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		made := &Value{Kind: Sequence}
		for i := range v.Len() {
			made.Items = append(made.Items, valueOf(v.Index(i)))
		}
		return made
	case reflect.Map:
		return &Value{Kind: Map}
	case reflect.String:
		return &Value{Kind: Scalar, Text: v.String(), Plain: v.Type() != reflect.TypeFor[string]()}
	}
	return &Value{Kind: Scalar, Text: fmt.Sprint(v.Interface()), Plain: true}
}

// Origin says where a value comes from: file:line, -o, an environment variable or the default.
func (v *Value) Origin() string {
	var from string
	switch {
	case strings.HasPrefix(v.Pos.File, "-o "):
		from = "-o"
	case v.Pos.File == "":
		return "default"
	default:
		from = v.Pos.File + ":" + strconv.Itoa(v.Pos.Line)
	}
	if v.Env != "" {
		from += ", environment " + v.Env
	}
	return from
}

// originColumn is where the origins stand, unless a line is longer.
const originColumn = 56

// AppendYAML appends a map as YAML with the origin of every value behind it. Secrets are left out.
// With given only what is not a default is shown.
func (v *Value) AppendYAML(b []byte, given bool) []byte {
	p := &shower{out: b, given: given}
	p.keys(v, "", "")
	return p.out
}

// shower writes values as YAML.
type shower struct {
	out   []byte
	given bool
}

// isDefault reports whether nothing in the value was given by anybody.
func (v *Value) isDefault() bool {
	return v.Pos.File == "" &&
		!slices.ContainsFunc(v.Items, func(item *Value) bool { return !item.isDefault() }) &&
		!slices.ContainsFunc(v.Keys, func(k Key) bool { return !k.Value.isDefault() })
}

// line writes one line with the origin of its value.
func (p *shower) line(text string, v *Value) {
	if pad := originColumn - len(text); pad > 0 {
		text += strings.Repeat(" ", pad)
	}
	p.out = append(p.out, text+" # "+v.Origin()+"\n"...)
}

// longKey is the length in bytes above which a key is written behind a question mark: YAML finds others only if
// their colon is within 1,024 characters (YAML 1.2, section 7.4.2).
const longKey = 1000

// keys writes the entries of a map; first stands before the first one instead of the indent.
func (p *shower) keys(v *Value, first, indent string) {
	for _, k := range v.Keys {
		if p.given && k.Value.isDefault() {
			continue
		}
		head := first + quote(k.Name)
		if len(head)-len(first) > longKey {
			p.out = append(p.out, first+"? "+quote(k.Name)+"\n"...)
			head = indent
		}
		p.value(head+":", k.Name, k.Value, indent)
		first = indent
	}
}

// value writes what follows a key or a dash; head is the line so far.
func (p *shower) value(head, key string, v *Value, indent string) {
	switch {
	case v.Kind == Map && len(v.Keys) > 0:
		if strings.HasSuffix(head, "-") {
			p.keys(v, head+" ", indent+"  ")
			return
		}
		p.out = append(p.out, head+"\n"...)
		p.keys(v, indent+"  ", indent+"  ")
	case v.Kind == Sequence && len(v.Items) > 0:
		p.out = append(p.out, head+"\n"...)
		for _, item := range v.Items {
			p.value(indent+"  -", key, item, indent+"  ")
		}
	case v.Kind == Map:
		p.line(head+" {}", v)
	case v.Kind == Sequence:
		p.line(head+" []", v)
	case v.Kind == Null:
		p.line(head+" null", v)
	case v.Secret && v.Text != "":
		p.line(head+" "+quote(Redacted), v)
	default:
		p.line(head+" "+scalar(v, Redact(key, v.Text)), v)
	}
}

// safe are texts that YAML takes as they are.
var safe = regexp.MustCompile(`^[A-Za-z0-9_/.+-][A-Za-z0-9_/.:+*%-]*[A-Za-z0-9_/.+*-]$|^[A-Za-z0-9_/.]$`)

// looksTyped are texts that YAML takes for something else than a text.
func looksTyped(text string) bool {
	v := &Value{Kind: Scalar, Text: text}
	_, isBool := v.Bool()
	_, isFloat := v.Float()
	return isBool || isFloat || strings.EqualFold(text, "null")
}

// scalar is a text as it may stand in a file.
func scalar(v *Value, text string) string {
	if text == v.Text && !v.Plain && looksTyped(text) {
		return strconv.Quote(text)
	}
	return quote(text)
}

// quote puts a text in quotes if it needs them.
func quote(text string) string {
	if safe.MatchString(text) && !strings.HasPrefix(text, "---") {
		return text
	}
	quoted := string(bytes.TrimSpace(appendString(nil, text)))
	if !strings.ContainsFunc(quoted, unprintable) {
		return quoted
	}
	var b strings.Builder
	for _, r := range quoted {
		if unprintable(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unprintable reports whether YAML does not take a character as it is (YAML 1.2, section 5.1), of those that JSON
// does.
func unprintable(r rune) bool {
	return r >= 0x7f && r <= 0x9f || r == '\uFEFF' || r == '\uFFFE' || r == '\uFFFF'
}

// secretKey are the names of keys whose values nobody else should see.
var secretKey = regexp.MustCompile(`(?i)passw|secret|token|api[-_]?key|credential|(^|\.)authorization$|(^|\.)headers?($|\.)`)

// secretText finds what commands are given to show who they are.
var secretText = regexp.MustCompile(`(?i)\b((?:bearer|basic)\s+|[\w-]*(?:passw(?:or)?d|secret|token|api[-_]?key)\w*(?:\s*[=:]\s*|\s+))("[^"]*"|'[^']*'|[^\s"';|&]+)`)

// webAddress finds addresses of servers in a text.
var webAddress = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'"<>|;]+`)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

// Redact takes secrets out of the value of a key: all of it if the key's name says so, of addresses
// user, path and query, where web hooks keep theirs, and of commands what follows words like Bearer.
func Redact(key, text string) string {
	if text != "" && secretKey.MatchString(key) {
		return Redacted
	}
	text = secretText.ReplaceAllString(text, "${1}"+Redacted)
	return webAddress.ReplaceAllStringFunc(text, func(address string) string {
		u, err := url.Parse(address)
		if err != nil {
			return Redacted
		}
		if u.Scheme == "unix" || u.Scheme == "file" {
			return address
		}
		hidden := u.Scheme + "://"
		if u.User != nil {
			hidden += Redacted + "@"
		}
		hidden += u.Host
		if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return hidden + "/" + Redacted
		}
		return hidden + u.Path
	})
}

// Keys are all keys that hold a value of their own, with dots, in the order of the structs.
func Keys() []string {
	var keys []string
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		for i := range t.NumField() {
			name := t.Field(i).Tag.Get("yaml")
			if name == "-" || name == "" {
				continue
			}
			full := strings.TrimPrefix(path+"."+name, ".")
			if t.Field(i).Type.Kind() == reflect.Struct {
				walk(t.Field(i).Type, full)
				continue
			}
			keys = append(keys, full)
		}
	}
	walk(reflect.TypeFor[Config](), "")
	return keys
}
