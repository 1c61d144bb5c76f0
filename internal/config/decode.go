// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// Load reads a configuration and checks it. Problems of severity diag.Error make it unusable;
// warnings say what is ignored. All of them are found in one go.
func Load(o Options) (*Config, []diag.Problem) {
	_, c, problems := Resolve(o)
	return c, problems
}

// Resolve is Load for those who also want to know where each value was written.
func Resolve(o Options) (*Document, *Config, []diag.Problem) {
	d := Read(o)
	c := Default()
	c.Files = d.Files
	d.migrate()
	if usable(d.Problems) {
		d.decode(reflect.ValueOf(c).Elem(), d.Root, "")
	}
	if usable(d.Problems) {
		d.check(c)
	}
	if len(d.Files) > 0 && len(d.Root.Keys) == 0 && usable(d.Problems) {
		d.report(Pos{File: d.Files[0]}, CodeEmpty, diag.Warning, "the configuration is empty", "")
	}
	slices.SortStableFunc(d.Problems, func(a, b diag.Problem) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return d, c, d.Problems
}

// usable reports whether no problem is an error.
func usable(problems []diag.Problem) bool {
	for i := range problems {
		if problems[i].Severity == diag.Error {
			return false
		}
	}
	return true
}

var (
	priorityType    = reflect.TypeFor[alert.Priority]()
	extraFieldType  = reflect.TypeFor[ExtraField]()
	includeType     = reflect.TypeFor[Include]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// decode puts v into dst. path is the dotted key, for messages. A null leaves the default.
func (d *Document) decode(dst reflect.Value, v *Value, path string) {
	if v.Kind == Null {
		return
	}
	switch {
	case dst.Type() == priorityType:
		d.decodePriority(dst, v, path)
		return
	case dst.Type() == extraFieldType:
		d.decodeExtraField(dst, v, path)
		return
	case dst.Type() == includeType && v.Kind == Scalar:
		dst.Set(reflect.ValueOf(Include{Path: v.Text}))
		return
	case d.unset(dst, v, path):
		return
	case dst.Addr().Type().Implements(textUnmarshaler):
		if d.expect(v, Scalar, path) {
			if err := dst.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(v.Text)); err != nil {
				d.report(v.Pos, CodeValue, diag.Error, path+": "+err.Error(), "")
			}
		}
		return
	}
	switch dst.Kind() {
	case reflect.Struct:
		d.decodeStruct(dst, v, path)
	case reflect.Pointer:
		made := reflect.New(dst.Type().Elem())
		d.decode(made.Elem(), v, path)
		dst.Set(made)
	case reflect.Slice:
		d.decodeSlice(dst, v, path)
	case reflect.Map:
		d.decodeMap(dst, v, path)
	case reflect.Interface:
		dst.Set(reflect.ValueOf(v))
	default:
		d.decodeScalar(dst, v, path)
	}
}

// unset reports whether v is to be a switch or a number, and comes from an environment variable that
// is not set. Falco takes the default then, and files are written with that in mind.
func (d *Document) unset(dst reflect.Value, v *Value, path string) bool {
	if v.Kind != Scalar || v.Text != "" || v.Env == "" {
		return false
	}
	switch dst.Kind() {
	case reflect.Bool, reflect.Int64, reflect.Float64:
		d.report(v.Pos, CodeValue, diag.Warning, fmt.Sprintf("%s: the environment has no %s, the default holds", path, v.Env), "")
		return true
	}
	return false
}

// expect reports a value of another kind than wanted.
func (d *Document) expect(v *Value, kind Kind, path string) bool {
	if v.Kind != kind {
		d.report(v.Pos, CodeValue, diag.Error, fmt.Sprintf("%s must be %s, not %s", path, kind, v.Kind), "")
	}
	return v.Kind == kind
}

// decodeStruct takes a map apart by the struct's keys; any other key is a problem.
func (d *Document) decodeStruct(dst reflect.Value, v *Value, path string) {
	if !d.expect(v, Map, path) {
		return
	}
	t := dst.Type()
	for _, k := range v.Keys {
		full := strings.TrimPrefix(path+"."+k.Name, ".")
		index := -1
		for i := range t.NumField() {
			if tag := t.Field(i).Tag.Get("yaml"); tag == k.Name && tag != "-" {
				index = i
			}
		}
		switch {
		case index >= 0:
			d.decode(dst.Field(index), k.Value, full)
		case removed(full) != nil:
			d.checkRemoved(removed(full), k)
		default:
			d.unknown(k, full, t)
		}
	}
}

// unknown reports a key that the struct does not have. Falco only logs such keys, and a file with an
// anchor's definition, or with a key of a newer Falco, must go on working: it is a mistake for those
// who check the file, not a reason to watch nothing. Keys below gyr are ours alone, and no older file
// can have them by habit.
func (d *Document) unknown(k Key, full string, t reflect.Type) {
	hint := ""
	switch {
	case k.Name == "<<":
		hint = "merge keys are not part of YAML 1.2, and Falco does not know them: write the keys out"
	case len(d.Problems) < maxProblems: // suggestions take their time
		hint = diag.DidYouMean(k.Name, keysOf(t))
	}
	if own(full) {
		d.report(k.Pos, CodeKey, diag.Error, fmt.Sprintf("unknown key %q", full), hint)
		return
	}
	d.report(k.Pos, CodeKey, diag.Warning, fmt.Sprintf("unknown key %q, ignored", full), hint)
}

// own reports whether a key stands below gyr.
func own(full string) bool { return strings.HasPrefix(full, "gyr.") }

// keysOf lists the keys of a struct.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "" && tag != "-" {
			keys = append(keys, tag)
		}
	}
	return keys
}

// decodeSlice takes a list; a single value where a list of texts is wanted counts as a list of one.
func (d *Document) decodeSlice(dst reflect.Value, v *Value, path string) {
	items := v.Items
	elem := dst.Type().Elem()
	if t := strings.TrimSpace(v.Text); v.Kind == Scalar && strings.HasPrefix(v.Pos.File, "-o ") && strings.HasPrefix(t, "[") && strings.HasSuffix(t, "]") {
		d.report(v.Pos, CodeValue, diag.Error, path+": lists cannot be given as a whole", fmt.Sprintf("give each item, as in -o %s[0]=… -o %s[1]=…, or %s[]=… to add one", path, path, path))
		return
	}
	if v.Kind == Scalar && (elem.Kind() == reflect.String || elem == includeType) {
		items = []*Value{v}
	} else if !d.expect(v, Sequence, path) {
		return
	}
	made := reflect.MakeSlice(dst.Type(), len(items), len(items))
	for i, item := range items {
		d.decode(made.Index(i), item, fmt.Sprintf("%s[%d]", path, i))
	}
	dst.Set(made)
}

// decodeMap takes a map with free keys and texts as values.
func (d *Document) decodeMap(dst reflect.Value, v *Value, path string) {
	if !d.expect(v, Map, path) {
		return
	}
	made := reflect.MakeMap(dst.Type())
	for _, k := range v.Keys {
		elem := reflect.New(dst.Type().Elem()).Elem()
		d.decode(elem, k.Value, path+"."+k.Name)
		made.SetMapIndex(reflect.ValueOf(k.Name), elem)
	}
	dst.Set(made)
}

// decodeScalar takes a text, a switch or a number.
func (d *Document) decodeScalar(dst reflect.Value, v *Value, path string) {
	if !d.expect(v, Scalar, path) {
		return
	}
	switch dst.Kind() {
	case reflect.String:
		dst.SetString(v.Text)
	case reflect.Bool:
		b, ok := v.Bool()
		if !ok {
			d.report(v.Pos, CodeValue, diag.Error, fmt.Sprintf("%s: %q is not true or false", path, v.Text), "")
		}
		dst.SetBool(b)
	case reflect.Float64:
		f, ok := v.Float()
		if !ok || !(f >= 0) {
			d.report(v.Pos, CodeValue, diag.Error, fmt.Sprintf("%s: %q is not a number from 0", path, v.Text), "")
		}
		dst.SetFloat(f)
	}
}

// decodePriority takes the name of a priority.
func (d *Document) decodePriority(dst reflect.Value, v *Value, path string) {
	if !d.expect(v, Scalar, path) {
		return
	}
	p, err := alert.ParsePriority(v.Text)
	if err != nil {
		d.report(v.Pos, CodeValue, diag.Error, path+": "+err.Error(), "")
	}
	dst.Set(reflect.ValueOf(p))
}

// decodeExtraField takes the name of a field, or a map of one key to its template.
func (d *Document) decodeExtraField(dst reflect.Value, v *Value, path string) {
	switch {
	case v.Kind == Scalar:
		dst.Set(reflect.ValueOf(ExtraField{Field: v.Text}))
	case v.Kind == Map && len(v.Keys) == 1 && v.Keys[0].Value.Kind == Scalar:
		dst.Set(reflect.ValueOf(ExtraField{Key: v.Keys[0].Name, Format: v.Keys[0].Value.Text}))
	default:
		d.report(v.Pos, CodeValue, diag.Error, path+" must be the name of a field, or a map of one key to its format", "")
	}
}
