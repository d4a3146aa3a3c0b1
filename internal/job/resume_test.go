package job

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/train"
)

// TestSettingsThatMayChange: a run goes on with other values of what does not bind it,
// and not with another bound of what it is named by.
func TestSettingsThatMayChange(t *testing.T) {
	s := Defaults()
	for name, value := range map[string]string{"save-every": "7", "loss-bound": "50", "retries": "3", "retry-factor": "0.1"} {
		other, err := s.Set(map[string]string{name: value})
		if err != nil {
			t.Fatal(err)
		}
		if other.runHash() != s.runHash() || other.Hash() == s.Hash() {
			t.Errorf("%s binds a run, or names none", name)
		}
	}
	if other := s; other.bound() != s || s.runHash() != s.Hash() {
		t.Error("a run of defaults has another hash than before")
	}
	if other, err := s.Set(map[string]string{"momentum": "0.5"}); err != nil || other.runHash() == s.runHash() {
		t.Errorf("the momentum does not bind a run (%v)", err)
	}
}

// TestResumeOfAnEarlierVersion: checkpoints that have the hash of all settings go on,
// however often what does not bind a run changes, and are evaluated.
func TestResumeOfAnEarlierVersion(t *testing.T) {
	s := Defaults()
	s.Engine, s.Width, s.Steps, s.TrainExamples, s.EvalExamples, s.BatchSize, s.Optimizer, s.SaveEvery = "go", 2, 4, 64, 50, 16, "sgd", 3
	o := quiet(filepath.Join(t.TempDir(), "run"))
	if _, err := Run(t.Context(), s, o); err != nil {
		t.Fatal(err)
	}
	saved, err := filepath.Glob(filepath.Join(o.Dir, train.CheckpointsFolder, "*"))
	if err != nil || len(saved) == 0 {
		t.Fatalf("checkpoints %v, %v", saved, err)
	}
	for _, path := range saved {
		manifest := filepath.Join(path, checkpoint.ManifestFile)
		text, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte(s.runHash()), []byte(s.Hash()), 1)
		sum := fmt.Sprintf("%x  %s\n", sha256.Sum256(text), checkpoint.ManifestFile)
		if err := os.WriteFile(manifest, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, checkpoint.SumFile), []byte(sum), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o.Resume = true
	for i := range 2 { // nothing is left to do, nor to save
		s.SaveEvery, s.Retries, s.LossBound = int64(10+i), 1+i, 60
		if _, err := Run(t.Context(), s, o); err != nil {
			t.Errorf("go on %d: %v", i, err)
		}
	}
	if _, err := Evaluate(t.Context(), Evaluation{Saved: Saved{Dir: o.Dir, Checkpoint: NewestCheckpoint}}, quiet(o.Dir)); err != nil {
		t.Error(err)
	}
	s.Steps = 5
	if _, err := Run(t.Context(), s, o); err != nil {
		t.Error(err)
	}
	c, err := checkpoint.Load(filepath.Join(o.Dir, train.CheckpointsFolder))
	if err != nil || c.Manifest.Step != 5 || c.Manifest.SettingsHash != s.runHash() {
		t.Errorf("the newest checkpoint is %+v, %v", c, err)
	}
	s.Momentum = 0.5
	if _, err := Run(t.Context(), s, o); err == nil {
		t.Error("goes on with another momentum")
	}
}
