package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	succeed(t, with([]string{"train", "--quiet", "--dir", dir}, tiny...)...)
	out := filepath.Join(t.TempDir(), "model.safetensors")
	size := func() int64 {
		info, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if said := succeed(t, "export", dir, out).stdout; !strings.Contains(said, "model.safetensors: step 3, from ") {
		t.Errorf("said %q", said)
	}
	model := size()
	if r := run(t, "export", dir, out, "--everything"); r.code != exitUsage || !strings.Contains(r.stderr, "there already: name another") || size() != model {
		t.Errorf("over a file: exit code %d, %q, %d bytes", r.code, r.stderr, size())
	}
	out = filepath.Join(t.TempDir(), "all.safetensors")
	written := ofType(objects(t, succeed(t, "export", dir, out, "--checkpoint=newest", "--everything", "--json").stdout), "exported")
	if len(written) != 1 || written[0]["file"] != out || written[0]["step"] != 3.0 || size() < 2*model {
		t.Errorf("%v: %d bytes, the model has %d", written, size(), model)
	}
	if r := run(t, "export", t.TempDir(), out+"2"); r.code != exitFailed || strings.Count(r.stderr, "\n") != 1 || !gone(out+"2") {
		t.Errorf("without a run: exit code %d, %q", r.code, r.stderr)
	}
}

// gone tells whether nothing is at path.
func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
