package engine

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

// content stands for a plugin in these tests.
var content = bytes.Repeat([]byte("a plugin's machine code "), 1000)

// pack returns a wheel with one file in it.
func pack(t testing.TB, name string, content []byte) []byte {
	t.Helper()
	var archive bytes.Buffer
	writer := zip.NewWriter(&archive)
	file, err := writer.Create("package/" + name)
	if err == nil {
		_, err = file.Write(content)
	}
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func sum(data []byte) string {
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:])
}

// fakeSite is a machine with an empty folder, whose wheel is served by answer
// and whose plugins open as the Go backend.
func fakeSite(t testing.TB, answer http.HandlerFunc) *site {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	archive := pack(t, "plugin_cpu.so", content)
	return &site{
		folder:    filepath.Join(t.TempDir(), "kafisto", "pjrt"),
		defaults:  func() map[string]string { return nil },
		hasNVIDIA: func() bool { return false },
		load:      func(string) (compute.Backend, error) { return gobackend.New("") },
		kernels:   func(b compute.Backend) (compute.Backend, error) { return b, nil },
		wheel: &wheel{
			name: "package", version: "1.2.3", sha256: sum(archive), size: int64(len(archive)),
			file: "plugin_cpu.so", fileSHA256: sum(content), fileSize: int64(len(content)),
			resolve: func(context.Context) (string, error) { return server.URL + "/wheel", nil },
			timing:  timing{connect: time.Second, answer: time.Second},
		},
	}
}

// serve answers every request with the bytes.
func serve(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }
}

// refuse fails the test if the network is used.
func refuse(t testing.TB) http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) { t.Error("the network was used") }
}

// files returns the names in the site's folder, the lock's apart.
func (s *site) files(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(s.folder)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if entry.Name() != ".fetch.lock" {
			names = append(names, entry.Name())
		}
	}
	return names
}

// wantFiles checks that exactly these names are in the site's folder.
func (s *site) wantFiles(t testing.TB, want ...string) {
	t.Helper()
	if got := s.files(t); !slices.Equal(got, want) {
		t.Errorf("files in the folder: %q, want %q", got, want)
	}
}

// wantError checks that there is an error of one line with all the parts.
func wantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	text := err.Error()
	if !strings.HasPrefix(text, "engine: ") || strings.Contains(text, "\n") {
		t.Errorf("error %q is not one line of this package", text)
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("error %q does not say %q", text, part)
		}
	}
}

// recorder returns options whose messages go to lines.
func recorder(choice Choice, lines *[]string) Options {
	return Options{Choice: choice, Message: func(line string) { *lines = append(*lines, line) }}
}
