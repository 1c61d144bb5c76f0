// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/output/dest"
)

// logging is the log of a run, which a reload changes.
type logging struct {
	app    *App
	syslog *dest.Syslog
}

// options are what a configuration says of the log.
func (l *logging) options(c *config.Config) LogOptions {
	o := LogOptions{Level: c.LogLevel.Slog(), ISO8601: c.TimeFormatISO8601, JSON: c.Gyr.Log.Format == config.LogJSON}
	if c.LogStderr {
		o.Writer = l.app.o.Stderr
	}
	if c.LogSyslog {
		o.Syslog = l.syslog.Message
	}
	return o
}

// prepare lets a reload change the log.
func (l *logging) prepare(cfg *config.Config) (commit, abort func(), err error) {
	return func() { Reconfigure(l.app.log, l.options(cfg)) }, nil, nil
}

// openLog makes the logger and says with what gyr starts.
func (a *App) openLog(context.Context) error {
	l := &logging{a, dest.NewSyslog(programName, dest.Format{})}
	a.onStop(func() { l.syslog.Close() })
	var stop func()
	a.log, stop = NewAsyncLogger(l.options(a.cfg))
	a.onStop(stop)
	a.onReload(l)
	a.log.Info("Gyrfalcon " + Version + " (rules and configuration of Falco " + FalcoVersion + ")")
	a.sayProblems(a.o.ConfigProblems)
	from := "no file, the built-in defaults"
	if len(a.cfg.Files) > 0 {
		from = strings.Join(a.cfg.Files, ", ")
	}
	a.say("config", from, "files", a.cfg.Files)
	return nil
}

// sayProblems says what was ignored in a configuration. Only of unknown keys the line is shown, cut
// behind the key: other lines may hold secrets.
func (a *App) sayProblems(problems []diag.Problem) {
	for _, p := range problems {
		shown := p.Code == config.CodeKey && p.Snippet != ""
		p.Severity, p.Code = diag.Note, ""
		text := p.Text()
		if !shown {
			text = p.String()
			if p.Hint != "" {
				text += " (" + p.Hint + ")"
			}
		}
		a.log.Warn(strings.Replace(text, "note: ", "", 1))
	}
}

// say writes one line of the page with which gyr starts: in text what it is about, aligned, and what
// there is to say, "" for more about the same; in JSON an object that also has the attributes.
func (a *App) say(about, text string, attrs ...any) {
	if a.cfg.Gyr.Log.Format == config.LogJSON {
		a.log.Info(text, append([]any{slog.String("about", about)}, attrs...)...)
		return
	}
	a.log.Info(fmt.Sprintf("%-8s %s", about, text))
}

// rulesSummary is how many rules are in use, and from where.
func (g *generation) rulesSummary() string {
	return fmt.Sprintf("%d of %d rules are in use, from %s", g.engine.Rules(), len(g.rules.Set.Rules), strings.Join(g.rules.Names, ", "))
}

// sayOutputs says where alerts go.
func (a *App) sayOutputs(now []*openOutput) {
	if a.outputs.taking() == 0 {
		a.log.Warn("no output is enabled, alerts are only counted")
		return
	}
	var names []string
	for _, p := range now {
		if !p.silent {
			names = append(names, p.where)
		}
	}
	form := "text"
	if a.cfg.JSONOutput {
		form = "JSON"
	}
	a.say("alerts", "go to "+strings.Join(names, ", ")+" as "+form, "outputs", names, "as", form)
}

// sayReloading says what makes gyr load changed files.
func (a *App) sayReloading() {
	var how []string
	if a.cfg.WatchConfigFiles {
		how = append(how, "when files change")
	}
	if a.control != nil {
		how = append(how, "by gyr reload")
	}
	how = append(how, "by SIGHUP")
	a.say("reloads", strings.Join(how, ", "), "how", how)
}
