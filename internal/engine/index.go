package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/gomlx/go-xla/installer"

	"github.com/kafisto/kafisto/internal/download"
)

// maxIndex is how long the package index's answer may be, in bytes.
const maxIndex = 4 << 20

// askIndex asks the Python package index where the archive is.
func (w *wheel) askIndex(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, w.timing.answer,
		fmt.Errorf("the package index did not answer within %v", w.timing.answer))
	defer cancel()
	transport := w.timing.transport()
	defer transport.CloseIdleConnections()
	info, err := indexClient{ctx, transport}.ask(w.name)
	if err != nil {
		return "", cause(ctx, err)
	}
	return w.locate(info)
}

// indexClient asks for one package, until its context ends.
type indexClient struct {
	ctx  context.Context
	base http.RoundTripper
}

var asking sync.Mutex

// ask asks by go-xla's function, which knows where the index is, but takes no
// client: it uses http's default one, without a limit of time or size, and whatever
// the status is. So the default client is this one meanwhile.
func (c indexClient) ask(name string) (*installer.PipPackageInfo, error) {
	asking.Lock()
	defer asking.Unlock()
	before := http.DefaultClient
	defer func() { http.DefaultClient = before }()
	http.DefaultClient = &http.Client{Transport: c, CheckRedirect: download.CheckRedirect}
	return installer.GetPipInfo(name)
}

// RoundTrip refuses answers that are none.
func (c indexClient) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.base.RoundTrip(request.WithContext(c.ctx))
	if err != nil {
		return nil, err
	}
	if status := response.StatusCode; status != http.StatusOK && (status < 300 || status > 399) { // redirects are the client's
		response.Body.Close()
		return nil, fmt.Errorf("the package index answered %s", response.Status)
	}
	response.Body = &limitedBody{response.Body, maxIndex}
	return response, nil
}

// limitedBody fails, rather than ends, after so many bytes.
type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errors.New("the package index's answer is too long")
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// locate returns the archive's absolute URL. Mirrors of the index give it
// relative to the package's page, which the index names absolutely.
func (w *wheel) locate(info *installer.PipPackageInfo) (string, error) {
	release, err := installer.PipSelectRelease(info.Releases[w.version], installer.PipPackageLinuxAMD64(), false)
	if err != nil {
		return "", fmt.Errorf("package %s %s: %w", w.name, w.version, err)
	}
	page, err := url.Parse(info.Info.ProjectURL)
	if err != nil {
		return "", fmt.Errorf("package %s: its page: %w", w.name, err)
	}
	archive, err := page.Parse(release.URL)
	if err != nil {
		return "", fmt.Errorf("package %s %s: %w", w.name, w.version, err)
	}
	return archive.String(), nil
}

// cause prefers why a context ended to what its end broke.
func cause(ctx context.Context, err error) error {
	if reason := context.Cause(ctx); reason != nil {
		return reason
	}
	return err
}
