package engine

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/download"
)

// wheel is a Python package's archive with one plugin in it, pinned to the
// byte: another archive, or another file in it, is refused.
type wheel struct {
	name    string // of the package
	version string
	sha256  string // of the archive, hexadecimal
	size    int64  // of the archive, bytes

	file       string // the plugin's name in the archive and when installed
	fileSHA256 string
	fileSize   int64

	resolve  func(context.Context) (url string, err error) // where the archive is
	timing   timing
	download download.Options // of the archive; its client and progress are set when it is downloaded
}

// cpuWheel is the CPU plugin for Linux on x86-64: XLA as of jaxlib 0.11.2,
// built for and published by the lammps-jax project under Apache-2.0.
func cpuWheel() *wheel {
	w := &wheel{
		name:       "lammps-jax-pjrt-cpu",
		version:    "0.11.2",
		sha256:     "1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1",
		size:       62711338,
		file:       "pjrt_c_api_cpu_plugin.so",
		fileSHA256: "ad1309ac822b1b24d51b7f9947c7c9fa9ef5d67f390584cbc3d1fa2428fed9c2",
		fileSize:   201600336,
		timing:     timing{connect: 5 * time.Second, answer: 15 * time.Second},
		download:   download.Options{Retries: 3},
	}
	w.resolve = w.askIndex
	return w
}

// timing is how long servers may take.
type timing struct {
	connect time.Duration // to be reached, and again to agree on TLS
	answer  time.Duration // for the package index to answer
}

// transport connects in time. Its idle connections are to be closed.
func (t timing) transport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: t.connect}).DialContext
	transport.TLSHandshakeTimeout = t.connect
	return transport
}

// fetch downloads the pinned plugin and installs it. Until it is whole and
// verified it has no name that anything looks for, and what was installed
// before stays. A download that breaks off is taken up again by the next fetch.
// Two processes may do so at once: one waits for the other.
func (s *site) fetch(ctx context.Context, options Options) (string, error) {
	if s.folder == "" {
		return "", fmt.Errorf("engine: the plugin for %s has no folder: set HOME (or XDG_CACHE_HOME)", XLACPU)
	}
	plugin := s.ownPlugin()
	atomicfile.Sweep(s.folder)
	if err := s.wheel.install(ctx, plugin, options.Progress); err != nil {
		return "", fmt.Errorf("engine: the plugin for %s cannot be fetched into %s (%w): try again, or choose go", XLACPU, s.folder, err)
	}
	return plugin, nil
}

// install puts the wheel's plugin at the path plugin.
func (w *wheel) install(ctx context.Context, plugin string, progress io.Writer) error {
	folder := filepath.Dir(plugin)
	unlock, err := download.Lock(ctx, folder)
	if err != nil {
		return err
	}
	defer unlock()
	if w.verify(ctx, plugin) == nil { // another process was faster
		return nil
	}
	archive, err := w.fetchArchive(ctx, folder, progress)
	if err != nil {
		return err
	}
	defer os.Remove(archive)
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	extract := func(to io.Writer) error { return w.extract(ctx, file, to) }
	if err := atomicfile.Write(plugin, extract); err != nil {
		return err
	}
	return w.verify(ctx, plugin) // finds no mark yet: reads the file back and marks it
}

// fetchArchive downloads the archive into a folder and returns its path.
func (w *wheel) fetchArchive(ctx context.Context, folder string, progress io.Writer) (string, error) {
	source, err := w.resolve(ctx)
	if err != nil {
		return "", err
	}
	transport := w.timing.transport()
	defer transport.CloseIdleConnections()
	show, end := newProgress(progress, fmt.Sprintf("downloading the plugin for %s", XLACPU), w.size)
	defer end()
	options := w.download
	options.Client = &http.Client{Transport: transport}
	options.Progress = func(_ string, done, _ int64) { show(done) }
	archive := download.File{URL: source, Name: "." + w.file + ".wheel", Size: w.size, SHA256: w.sha256}
	return download.Fetch(ctx, archive, folder, options)
}

// extract copies the plugin out of the archive and checks it.
func (w *wheel) extract(ctx context.Context, archive io.ReaderAt, to io.Writer) error {
	files, err := zip.NewReader(archive, w.size)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	for _, entry := range files.File {
		if path.Base(entry.Name) != w.file {
			continue
		}
		content, err := entry.Open()
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		defer content.Close()
		hash := sha256.New()
		size, err := io.Copy(io.MultiWriter(to, hash), io.LimitReader(withContext(ctx, content), w.fileSize+1))
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		if sum := hex.EncodeToString(hash.Sum(nil)); size != w.fileSize || sum != w.fileSHA256 {
			return fmt.Errorf("archive: %s has SHA-256 %s, not %s", w.file, sum, w.fileSHA256)
		}
		return nil
	}
	return fmt.Errorf("archive: there is no %s in it", w.file)
}
