// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a PEM file with certificate and key that is read again when it has changed.
type certificate struct {
	file string
	log  *slog.Logger

	mu      sync.Mutex
	cert    *tls.Certificate
	changed time.Time // the file's, when it was read
	looked  time.Time
}

// lookAgain is how long a file is trusted to be unchanged.
const lookAgain = time.Second

// load reads the file.
func (c *certificate) load() error {
	st, err := os.Stat(c.file)
	if err != nil {
		return fmt.Errorf("webserver.ssl_certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.file, c.file)
	c.changed = st.ModTime() // also of a file that is wrong: it is told once
	if err != nil {
		return fmt.Errorf("webserver.ssl_certificate %q: %w (the file must hold certificate and private key, both in PEM)", c.file, err)
	}
	c.cert = &pair
	return nil
}

// get returns the certificate, the new one if the file has changed. If the new one cannot be used the
// old one stays.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookAgain {
		c.looked = now
		if st, err := os.Stat(c.file); err == nil && !st.ModTime().Equal(c.changed) {
			if err := c.load(); err != nil {
				c.log.Error("the changed certificate of the web server cannot be used, the old one stays", "error", err)
			} else {
				c.log.Info("the web server has a new certificate", "file", c.file)
			}
		}
	}
	return c.cert, nil
}
