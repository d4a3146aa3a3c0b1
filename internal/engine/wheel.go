package engine

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/gomlx/go-xla/installer"
	"github.com/kafisto/kafisto/internal/atomicfile"
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

	resolve func(context.Context) (url string, err error) // where the archive is
	timing  timing
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
		timing:     timing{connect: 5 * time.Second, answer: 15 * time.Second, stall: 30 * time.Second},
	}
	w.resolve = w.askIndex
	return w
}

// askIndex asks the Python package index where the archive is. go-xla's
// function knows no context and no time-out, so it is left behind when either
// ends.
func (w *wheel) askIndex(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, w.timing.answer,
		fmt.Errorf("the package index did not answer within %v", w.timing.answer))
	defer cancel()
	type answer struct {
		info *installer.PipPackageInfo
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		info, err := installer.GetPipInfo(w.name)
		answers <- answer{info, err}
	}()
	var got answer
	select {
	case got = <-answers:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if got.err != nil {
		return "", got.err
	}
	return w.locate(got.info)
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

// fetch downloads the pinned plugin and installs it. Until it is whole and
// verified it has no name that anything looks for, and what was installed
// before stays. Two processes may do so at once: the last one's file stays.
func (s *site) fetch(ctx context.Context, options Options) (string, error) {
	if s.folder == "" {
		return "", fmt.Errorf("engine: the plugin for %s has no folder: set HOME (or XDG_CACHE_HOME)", XLACPU)
	}
	plugin := s.ownPlugin()
	err := os.MkdirAll(s.folder, 0o755)
	if err == nil {
		atomicfile.Sweep(s.folder)
		err = s.wheel.install(ctx, plugin, options.Progress)
	}
	if err != nil {
		return "", fmt.Errorf("engine: the plugin for %s cannot be fetched into %s (%w): try again, or choose go", XLACPU, s.folder, err)
	}
	return plugin, nil
}

// install puts the wheel's plugin at the path plugin.
func (w *wheel) install(ctx context.Context, plugin string, progress io.Writer) error {
	source, err := w.resolve(ctx)
	if err != nil {
		return err
	}
	archive, err := os.CreateTemp(filepath.Dir(plugin), temporary)
	if err != nil {
		return err
	}
	defer os.Remove(archive.Name())
	defer archive.Close()
	shown := newProgress(progress, fmt.Sprintf("downloading the plugin for %s", XLACPU), w.size)
	err = w.timing.download(ctx, source, w.size, w.sha256, io.MultiWriter(archive, shown))
	shown.Close()
	if err != nil {
		return err
	}
	extract := func(to io.Writer) error { return w.extract(ctx, archive, to) }
	if err := atomicfile.Write(plugin, extract); err != nil {
		return err
	}
	return w.verify(ctx, plugin) // finds no mark yet: reads the file back and marks it
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
