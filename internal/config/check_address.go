// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
)

// checkAddresses looks at where outputs send to, as far as that shows without asking the network.
func (d *Document) checkAddresses(c *Config) {
	c.HTTPOutput.URL = completeURL(c.HTTPOutput.URL)
	if c.HTTPOutput.Enabled {
		d.checkURL("http_output", "url", c.HTTPOutput.URL)
	}
	if c.Gyr.OTLP.Enabled {
		d.checkURL("gyr.otlp", "endpoint", c.Gyr.OTLP.Endpoint)
	}
	if address := c.Gyr.Syslog.Address; c.SyslogOutput.Enabled && address != "" {
		scheme, rest, _ := strings.Cut(address, "://")
		if !slices.Contains([]string{"udp", "tcp", "tls"}, scheme) || rest == "" {
			d.report(d.at("gyr.syslog.address"), CodeValue, diag.Error,
				fmt.Sprintf("gyr.syslog.address: %q is not udp://, tcp:// or tls:// with a host and a port", address), "")
		}
	}
}

// completeURL takes quotes off, which old files have around the text, and adds the scheme that may be
// left out: Falco's HTTP library takes http then.
func completeURL(text string) string {
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		text = text[1 : n-1]
	}
	if text != "" && !strings.Contains(text, "://") {
		text = "http://" + text
	}
	return text
}

// checkURL wants an address for HTTP. No more than its scheme is shown: the rest may hold a secret.
func (d *Document) checkURL(section, key, text string) {
	path, problem := section+"."+key, ""
	u, err := url.Parse(text)
	switch {
	case text == "":
		d.report(d.at(section), CodeValue, diag.Error, fmt.Sprintf("%s is enabled without %s %s", section, article(key), key), "")
		return
	case err != nil:
		problem = "the URL is malformed"
	case u.Scheme != "http" && u.Scheme != "https":
		problem = fmt.Sprintf("the URL has scheme %q (http or https are possible)", u.Scheme)
	case u.Host == "":
		problem = "the URL has no host"
	default:
		return
	}
	d.report(d.at(path), CodeValue, diag.Error, path+": "+problem, "")
}

// article is the indefinite article of a word.
func article(word string) string {
	if strings.ContainsRune("aeio", rune(word[0])) {
		return "an"
	}
	return "a"
}
