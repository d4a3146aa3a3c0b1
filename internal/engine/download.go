package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// timing is how long a download may stand still.
type timing struct {
	connect time.Duration // to reach the server, and again to agree on TLS
	answer  time.Duration // for the package index to answer
	stall   time.Duration // without a single byte
}

// download writes what the URL holds to a writer. Anything but exactly size
// bytes with that SHA-256 is an error; the writer has then got up to size+1
// bytes, which must not be used.
func (t timing) download(ctx context.Context, url string, size int64, sum string, to io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(t.stall, func() { cancel(fmt.Errorf("no data for %v", t.stall)) })
	defer watch.Stop()

	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: t.connect}).DialContext
	transport.TLSHandshakeTimeout = t.connect
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return cause(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", response.Status)
	}
	if offered := response.ContentLength; offered >= 0 && offered != size {
		return fmt.Errorf("the server offers %d bytes, not %d", offered, size)
	}

	hash := sha256.New()
	body := readerFunc(func(p []byte) (int, error) {
		n, err := response.Body.Read(p)
		watch.Reset(t.stall)
		return n, err
	})
	got, err := io.Copy(io.MultiWriter(to, hash), io.LimitReader(body, size+1))
	if err != nil {
		return fmt.Errorf("after %d of %d bytes: %w", got, size, cause(ctx, err))
	}
	if got != size {
		return fmt.Errorf("the download has %d bytes, not %d", got, size)
	}
	if found := hex.EncodeToString(hash.Sum(nil)); found != sum {
		return fmt.Errorf("the download has SHA-256 %s, not %s", found, sum)
	}
	return nil
}

// cause prefers why a context ended to what its end broke.
func cause(ctx context.Context, err error) error {
	if reason := context.Cause(ctx); reason != nil {
		return reason
	}
	return err
}
