// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"errors"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/format"
)

// containerInfo is a token that outputs used to have; it stands for nothing now.
const containerInfo = "%container.info"

// baseOutput is the output as written, without what stands for nothing.
func (p *pass) baseOutput(d *draft) string {
	if !strings.Contains(d.output, containerInfo) {
		return d.output
	}
	p.report.warn(&fault{
		code: WarnDeprecated, place: d.place,
		message: "%container.info is deprecated and no more useful, and will be dropped by Falco 1.0.0. The container plugin will automatically add required fields to the output message.",
	})
	return strings.ReplaceAll(d.output, containerInfo, "")
}

// output adds to the output and parses it. It reports false if the rule is to be left out.
func (p *pass) output(d *draft, r *Rule) (bool, error) {
	text, own := r.OutputText, r.OutputText
	for i := range p.c.opts.Append {
		a := &p.c.opts.Append[i]
		if !a.fits(d.source, d.name, d.tags) {
			continue
		}
		if a.Output != "" {
			text += " " + a.Output
		}
		if a.Suggested {
			text += p.c.opts.suggestion(d.source)
		}
		if err := p.addFields(a, d, r); err != nil {
			return false, err
		}
	}
	r.OutputText = text
	done := p.template(text)
	if done.err == nil {
		r.Template = done.template
		p.warnTokens(d, r)
		return true, nil
	}
	if p.template(own).err == nil {
		return false, p.appendFault(d, done.err)
	}
	return false, p.outputFault(d, done.err)
}

// addFields parses the JSON fields that append_output adds.
func (p *pass) addFields(a *Addition, d *draft, r *Rule) error {
	for _, added := range a.Fields {
		text := added.Format
		if text == "" {
			text = "%" + added.Key
		}
		done := p.template(text)
		if done.err != nil {
			return p.appendFault(d, done.err)
		}
		r.Fields = append(r.Fields, Field{Key: added.Key, Template: done.template, Typed: added.Format == ""})
	}
	return nil
}

// template parses an output.
func (p *pass) template(text string) output {
	done, ok := p.outputs[text]
	if !ok {
		done.template, done.err = format.Parse(text, p.c.opts.Catalogue)
		p.outputs[text] = done
	}
	return done
}

// appendFault reports a mistake that stands in append_output, not in the rule that it shows up at.
func (p *pass) appendFault(d *draft, err error) error {
	err = p.outputFault(d, err)
	var f *fault
	if errors.As(err, &f) {
		f.hint = strings.TrimPrefix(f.hint+"; append_output (or -p) adds it", "; ")
	}
	return err
}

// outputFault reports an output that cannot be parsed. A rule may ask to be left out instead, if
// the mistake is an unknown field.
func (p *pass) outputFault(d *draft, err error) error {
	f := &fault{code: ErrCompileOutput, message: err.Error(), place: d.outputPlace}
	var e *format.Error
	if errors.As(err, &e) {
		f.hint, f.len = e.Hint, len(e.Token)
		if d.skipUnknown && e.Unknown {
			f.code = WarnUnknownFilter
			p.report.warn(f)
			return nil
		}
	}
	return f
}
