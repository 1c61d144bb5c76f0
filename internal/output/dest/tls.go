// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// TLS says how a receiver is checked and what it is shown. The zero value trusts the system's
// certificates.
type TLS struct {
	// Insecure does not check the receiver's certificate.
	Insecure bool
	// CAFile is a PEM file of certificates to trust instead of the system's.
	CAFile string
	// CAPath is a directory of such files, used where CAFile is empty.
	CAPath string
	// CertFile and KeyFile are the PEM files of our own certificate; both or none. They are read again
	// when they change, so that renewed ones need no reload.
	CertFile, KeyFile string
}

// systemCAPath is the directory that the system's certificates are in: naming it means them.
const systemCAPath = "/etc/ssl/certs"

// Config reads the files.
func (t *TLS) Config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure}
	var err error
	if c.RootCAs, err = t.roots(); err != nil {
		return nil, err
	}
	if t.CertFile == "" && t.KeyFile == "" {
		return c, nil
	}
	own := &ownCertificate{certFile: t.CertFile, keyFile: t.KeyFile}
	if _, err := own.get(); err != nil {
		return nil, err
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own.get() }
	return c, nil
}

// roots are the certificates to trust; nil stands for the system's.
func (t *TLS) roots() (*x509.CertPool, error) {
	switch {
	case t.Insecure:
		return nil, nil
	case t.CAFile != "":
		return poolOf(t.CAFile)
	case t.CAPath == "", filepath.Clean(t.CAPath) == systemCAPath:
		return nil, nil
	}
	entries, err := os.ReadDir(t.CAPath)
	if err != nil {
		return nil, fmt.Errorf("certificates to trust: %w", err)
	}
	pool, some := x509.NewCertPool(), false
	for _, e := range entries {
		if b, err := os.ReadFile(filepath.Join(t.CAPath, e.Name())); err == nil {
			some = pool.AppendCertsFromPEM(b) || some
		}
	}
	if !some {
		return nil, fmt.Errorf("no certificate in %q", t.CAPath)
	}
	return pool, nil
}

// poolOf reads the certificates of a PEM file.
func poolOf(file string) (*x509.CertPool, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificates to trust: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("no certificate in %q (PEM is expected)", file)
	}
	return pool, nil
}

// ownCertificate is a certificate with its key, read again when one of the files has changed.
type ownCertificate struct {
	certFile, keyFile string

	mu   sync.Mutex
	read [2]os.FileInfo
	cert *tls.Certificate
}

// get returns the certificate. While the files do not fit together (a renewal is under way) it stays
// with the one before.
func (o *ownCertificate) get() (*tls.Certificate, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, err1 := os.Stat(o.certFile)
	k, err2 := os.Stat(o.keyFile)
	if err := errors.Join(err1, err2); err != nil {
		return o.cert, o.unless(err)
	}
	if o.cert != nil && same(c, o.read[0]) && same(k, o.read[1]) {
		return o.cert, nil
	}
	cert, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
	if err != nil {
		return o.cert, o.unless(err)
	}
	o.read, o.cert = [2]os.FileInfo{c, k}, &cert
	return o.cert, nil
}

// unless returns the error if there is no older certificate to go on with.
func (o *ownCertificate) unless(err error) error {
	if o.cert != nil {
		return nil
	}
	return fmt.Errorf("certificate to show: %w", err)
}

// same reports whether a file has not changed.
func same(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
