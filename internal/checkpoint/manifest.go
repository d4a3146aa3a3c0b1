package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
)

// Format is the version of the checkpoint format written here.
const Format = 1

// The files of a checkpoint.
const (
	VariablesFile = "variables.safetensors"
	ManifestFile  = "manifest.json"
	SumFile       = "manifest.sha256" // as sha256sum writes it
)

// maxManifest is the most bytes a manifest may have.
const maxManifest = 16 << 20

// Cursor is the place in the data where training goes on.
type Cursor struct {
	Epoch int64 `json:"epoch"` // whole epochs done
	Step  int64 `json:"step"`  // steps done in the current epoch
}

// Meta is what a training run tells about a checkpoint beside the variables.
type Meta struct {
	Step         int64           `json:"step"` // training steps done, 0 or more
	Cursor       Cursor          `json:"cursor"`
	Seed         int64           `json:"seed"`
	SettingsHash string          `json:"settings_hash"`   // of the resolved settings
	Program      string          `json:"program"`         // version of the program that saves
	BestStep     int64           `json:"best_step"`       // the step of the best checkpoint so far, 0 for none yet
	Stop         bool            `json:"stop,omitempty"`  // saved for a stop alone: a run that is left alone has none of this step
	State        json.RawMessage `json:"state,omitempty"` // any JSON value of the training loop's; comes back with other white space
}

// Variable describes one variable of the model's store.
type Variable struct {
	Path      string            `json:"path"` // absolute, "/scope/name"
	DType     safetensors.DType `json:"dtype"`
	Shape     []int64           `json:"shape"`
	Trainable bool              `json:"trainable"`
}

// tensor is how the variable stands in a safetensors file.
func (v *Variable) tensor() safetensors.Tensor {
	return safetensors.Tensor{Name: v.Path, DType: v.DType, Shape: v.Shape}
}

// Manifest is the content of a checkpoint's manifest.json.
type Manifest struct {
	Format int `json:"format"`
	Meta
	Created   time.Time  `json:"created"` // UTC
	Go        string     `json:"go"`
	GoMLX     string     `json:"gomlx"`
	Variables []Variable `json:"variables"` // in the order of the store, which decides the order of sums
	Size      int64      `json:"variables_size"`
	SHA256    string     `json:"variables_sha256"` // lower-case hexadecimal
}

// check says what is wrong with what the training run tells.
func (m *Meta) check() error {
	switch {
	case m.Step < 0 || m.Cursor.Epoch < 0 || m.Cursor.Step < 0 || m.BestStep < 0:
		return fmt.Errorf("step %d, cursor %d:%d and best step %d must not be negative",
			m.Step, m.Cursor.Epoch, m.Cursor.Step, m.BestStep)
	case len(m.State) > 0 && !json.Valid(m.State):
		return errors.New("the training state is no valid JSON")
	}
	return nil
}

// parseManifest reads a manifest and checks that it makes sense by itself.
func parseManifest(text []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, err
	}
	if m.Format != Format {
		return nil, fmt.Errorf("format %d is unknown to this program, which knows format %d", m.Format, Format)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	if sum, err := hex.DecodeString(m.SHA256); err != nil || len(sum) != sha256.Size || m.Size < 0 {
		return nil, errors.New("size or SHA-256 of the variables is wrong")
	}
	seen := map[string]bool{}
	for i := range m.Variables {
		v := &m.Variables[i]
		if len(v.Path) < 2 || !strings.HasPrefix(v.Path, "/") || seen[v.Path] {
			return nil, fmt.Errorf("variable path %q is wrong or there twice", v.Path)
		}
		seen[v.Path] = true
		t := v.tensor()
		if size, err := t.ByteSize(); err != nil || size > m.Size {
			return nil, fmt.Errorf("variable %s does not fit: %s%v", v.Path, v.DType, v.Shape)
		}
	}
	return m, nil
}

// readManifest reads the manifest of the checkpoint folder at path and checks
// it against its SHA-256. It does not look at the variables.
func readManifest(path string) (*Manifest, error) {
	text, err := readFile(filepath.Join(path, ManifestFile))
	if err != nil {
		return nil, err
	}
	sum, err := readFile(filepath.Join(path, SumFile))
	if err != nil {
		return nil, err
	}
	if string(sum) != sumLine(text) {
		return nil, fmt.Errorf("%s does not match %s", ManifestFile, SumFile)
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ManifestFile, err)
	}
	return m, nil
}

// sumLine is the content of the manifest's SHA-256 file.
func sumLine(manifest []byte) string {
	return fmt.Sprintf("%x  %s\n", sha256.Sum256(manifest), ManifestFile)
}

// encode makes the text of the manifest.
func (m *Manifest) encode() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	if len(text) >= maxManifest {
		return nil, fmt.Errorf("the manifest would take %d bytes, at most %d are allowed", len(text), maxManifest)
	}
	return append(text, '\n'), nil
}

// readFile reads a small file.
func readFile(path string) ([]byte, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > maxManifest {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are allowed", filepath.Base(path), size, maxManifest)
	}
	return io.ReadAll(io.LimitReader(f, maxManifest))
}

// openRegular opens a file for reading, but no pipe, device or link, on which a
// read could hang.
func openRegular(path string) (f *os.File, size int64, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file", filepath.Base(path))
	}
	f, err = os.Open(path)
	return f, info.Size(), err
}

// GoMLXVersion is the version of GoMLX in this program, as the build noted it;
// "unknown" where it did not.
func GoMLXVersion() string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/gomlx/gomlx" {
				return dep.Version
			}
		}
	}
	return "unknown"
}
