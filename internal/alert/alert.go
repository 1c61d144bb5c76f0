// SPDX-License-Identifier: Apache-2.0

// Package alert is what a matching rule says: the immutable alert and its two published
// renderings, a line of text and a line of JSON.
package alert

import "time"

// SourceInternal is the source of alerts that the program raises about itself.
const SourceInternal = "internal"

// Alert is one finding. It is shared by all outputs and never changed once it has been sent.
type Alert struct {
	Time     uint64 // nanoseconds since 1970
	Rule     string
	Priority Priority
	Source   string // "syscall", a plugin's source, or SourceInternal
	Hostname string
	Output   string   // the rendered message, without time and priority
	Tags     []string // sorted
	Fields   []Field  // sorted by key
}

// Field is one entry of an alert's output fields; JSON is its value, already encoded.
type Field struct {
	Key  string
	JSON []byte
}

// Options say how an alert is written. The zero value leaves every optional property out; Defaults
// has the published defaults.
type Options struct {
	ISO8601 bool           // time_format_iso_8601
	Zone    *time.Location // zone of the short time form; nil means the host's

	IncludeOutput  bool // json_include_output_property
	IncludeMessage bool // json_include_message_property
	IncludeFields  bool // json_include_output_fields_property
	IncludeTags    bool // json_include_tags_property
}

// Defaults returns the options of an empty configuration.
func Defaults() Options {
	return Options{IncludeOutput: true, IncludeFields: true, IncludeTags: true}
}

// AppendText appends the alert as one line of text, without the newline. Whatever the alert holds,
// the line is valid UTF-8 and has no control character, so that an event cannot forge a second
// alert or drive a terminal.
func (a *Alert) AppendText(dst []byte, o *Options) []byte {
	dst = a.appendPrefix(dst, o)
	dst = AppendLine(dst, a.Output)
	if a.Source != SourceInternal {
		return dst
	}
	dst = append(dst, " ("...)
	for i := range a.Fields {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = AppendLine(dst, a.Fields[i].Key)
		dst = append(dst, '=')
		dst = AppendLine(dst, a.Fields[i].JSON)
	}
	return append(dst, ')')
}

// AppendJSON appends the alert as one JSON object without blanks, keys in alphabetical order,
// without a newline. What is not valid UTF-8 becomes U+FFFD.
func (a *Alert) AppendJSON(dst []byte, o *Options) []byte {
	dst = append(dst, `{"hostname":`...)
	dst = AppendString(dst, a.Hostname)
	if o.IncludeMessage {
		dst = append(dst, `,"message":`...)
		dst = AppendString(dst, a.Output)
	}
	if o.IncludeOutput {
		dst = append(dst, `,"output":"`...)
		if a.Source != SourceInternal {
			dst = a.appendPrefix(dst, o)
		}
		dst = appendEscaped(dst, a.Output)
		dst = append(dst, '"')
	}
	if o.IncludeFields {
		dst = append(dst, `,"output_fields":`...)
		dst = a.appendFields(dst)
	}
	dst = append(dst, `,"priority":"`...)
	dst = append(dst, a.Priority.String()...)
	dst = append(dst, `","rule":`...)
	dst = AppendString(dst, a.Rule)
	dst = append(dst, `,"source":`...)
	dst = AppendString(dst, a.Source)
	if o.IncludeTags && a.Source != SourceInternal {
		dst = append(dst, `,"tags":`...)
		dst = appendTags(dst, a.Tags)
	}
	dst = append(dst, `,"time":"`...)
	dst = time.Unix(0, int64(a.Time)).UTC().AppendFormat(dst, isoLayout+"Z")
	return append(dst, `"}`...)
}

// isoLayout is the long form of a time, up to the zone.
const isoLayout = "2006-01-02T15:04:05.000000000"

// AppendTime appends a time as text alerts show it: the time of day in the zone, or date and time
// in UTC.
func AppendTime(dst []byte, ns uint64, o *Options) []byte {
	t := time.Unix(0, int64(ns))
	switch {
	case o.ISO8601:
		return t.UTC().AppendFormat(dst, isoLayout+"+0000")
	case o.Zone != nil:
		return t.In(o.Zone).AppendFormat(dst, "15:04:05.000000000")
	}
	return t.AppendFormat(dst, "15:04:05.000000000")
}

// appendPrefix appends time and priority; they need no escaping.
func (a *Alert) appendPrefix(dst []byte, o *Options) []byte {
	dst = AppendTime(dst, a.Time, o)
	dst = append(dst, ": "...)
	dst = append(dst, a.Priority.String()...)
	return append(dst, ' ')
}

// appendFields appends the output fields as an object.
func (a *Alert) appendFields(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range a.Fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, a.Fields[i].Key)
		dst = append(dst, ':')
		if len(a.Fields[i].JSON) == 0 {
			dst = append(dst, "null"...)
			continue
		}
		dst = append(dst, a.Fields[i].JSON...)
	}
	return append(dst, '}')
}

// appendTags appends a list of strings.
func appendTags(dst []byte, tags []string) []byte {
	dst = append(dst, '[')
	for i, tag := range tags {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, tag)
	}
	return append(dst, ']')
}
