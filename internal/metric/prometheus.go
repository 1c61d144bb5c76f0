// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"math"
	"strconv"
	"strings"
)

// ContentType is that of AppendPrometheus' text.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// AppendPrometheus appends all figures in the text format of Prometheus. Every name stands once, with
// its help and type before all its samples.
func AppendPrometheus(dst []byte, s *Snapshot, o *Options) []byte {
	for _, r := range table {
		if r.Name == "" || !o.has(r.Group) {
			continue
		}
		begun := false
		r.Read(s, func(v Sample) {
			if v.Silent || r.Group == Rules && !r.Ours() && v.Whole == 0 && !o.Empty {
				return
			}
			if !begun {
				begun = true
				dst = append(dst, "# HELP "+r.Name+" "...)
				dst = appendEscaped(dst, r.Help, false)
				dst = append(dst, "\n# TYPE "+r.Name+" "+r.Kind.String()+"\n"...)
			}
			dst = r.appendSample(dst, &v)
		})
	}
	return dst
}

// appendSample appends the lines of one sample.
func (r *Row) appendSample(dst []byte, v *Sample) []byte {
	if r.Kind == Histogram {
		return r.appendHist(dst, v)
	}
	dst = append(dst, r.Name...)
	dst = r.appendLabels(dst, v, "", "")
	dst = append(dst, ' ')
	switch {
	case r.Kind == Info:
		dst = append(dst, '1')
	case r.Unit == Percent:
		dst = appendFloat(dst, v.number()/100)
	case v.Real:
		dst = appendFloat(dst, v.Float)
	default:
		dst = strconv.AppendUint(dst, v.Whole, 10)
	}
	return append(dst, '\n')
}

// appendHist appends the lines of a histogram.
func (r *Row) appendHist(dst []byte, v *Sample) []byte {
	var sum uint64
	for i, n := range v.Hist.Counts {
		sum += n
		bound := "+Inf"
		if i < len(v.Hist.Bounds) {
			bound = string(appendFloat(nil, v.Hist.Bounds[i]))
		}
		dst = append(dst, r.Name+"_bucket"...)
		dst = r.appendLabels(dst, v, "le", bound)
		dst = append(dst, ' ')
		dst = strconv.AppendUint(dst, sum, 10)
		dst = append(dst, '\n')
	}
	dst = append(dst, r.Name+"_sum"...)
	dst = r.appendLabels(dst, v, "", "")
	dst = append(dst, ' ')
	dst = appendFloat(dst, v.Hist.Sum)
	dst = append(dst, '\n')
	dst = append(dst, r.Name+"_count"...)
	dst = r.appendLabels(dst, v, "", "")
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, sum, 10)
	return append(dst, '\n')
}

// appendLabels appends the labels in braces: the row's, the tags, and one more if it has a name. Tags
// that differ only in what may not be in a name are one label.
func (r *Row) appendLabels(dst []byte, v *Sample, more, value string) []byte {
	begun := false
	label := func(name, value string) {
		if begun {
			dst = append(dst, ',')
		} else {
			dst = append(dst, '{')
		}
		begun = true
		dst = append(append(dst, name...), `="`...)
		dst = append(appendEscaped(dst, value, true), '"')
	}
	for i, value := range v.Labels {
		label(r.Labels[i], value)
	}
	var seen map[string]bool
	for _, tag := range v.Tags {
		name := sanitize("tag_"+tag, false)
		if seen[name] {
			continue
		}
		if seen == nil {
			seen = map[string]bool{}
		}
		seen[name] = true
		label(name, "true")
	}
	if more != "" {
		label(more, value)
	}
	if begun {
		dst = append(dst, '}')
	}
	return dst
}

// appendEscaped appends a text as the format wants it: backslashes and ends of lines escaped, and in
// values of labels quotes too. What is not valid UTF-8 becomes U+FFFD.
func appendEscaped(dst []byte, text string, quotes bool) []byte {
	for _, c := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case c == '\\':
			dst = append(dst, `\\`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '"' && quotes:
			dst = append(dst, `\"`...)
		default:
			dst = append(dst, string(c)...)
		}
	}
	return dst
}

// appendFloat appends the shortest form of a number.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, '0')
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}
