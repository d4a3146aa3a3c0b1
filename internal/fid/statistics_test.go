package fid

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/alloctest"
)

// TestMoments holds moments that come in batches and are merged against two plain passes in float64.
func TestMoments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		n := rapid.IntRange(1, 5).Draw(t, "features")
		level := rapid.SampledFrom([]float64{0, 1, 1e6}).Draw(t, "level")
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 2, 7, chunkRows + 3}), 2, 5).Draw(t, "batches")
		parts := []*Moments{NewMoments(n), NewMoments(n)}
		var all []float32
		for i, size := range sizes {
			batch := make([]float32, size*n)
			for k := range batch {
				batch[k] = float32(level + r.NormFloat64())
			}
			all = append(all, batch...)
			if err := parts[i%2].Add(batch); err != nil {
				t.Fatal(err)
			}
		}
		if err := parts[0].Merge(parts[1]); err != nil {
			t.Fatal(err)
		}
		count := len(all) / n
		got, err := parts[0].Statistics("made")
		if count < 2 {
			if err == nil {
				t.Fatalf("statistics of %d vectors", count)
			}
			return
		}
		if err != nil || got.Count != count || got.Source != "made" {
			t.Fatalf("%+v, %v", got, err)
		}
		mean, covariance := plainly(all, n)
		for i := range n {
			if math.Abs(got.Mean[i]-mean[i]) > 1e-12*(1+level) {
				t.Errorf("mean %d is %v, want %v", i, got.Mean[i], mean[i])
			}
			for j := range n {
				if math.Abs(got.Covariance.At(i, j)-covariance.At(i, j)) > 1e-9 {
					t.Errorf("covariance %d, %d is %v, want %v", i, j, got.Covariance.At(i, j), covariance.At(i, j))
				}
			}
		}
	})
}

// plainly computes mean and covariance in two passes.
func plainly(vectors []float32, n int) ([]float64, *mat.SymDense) {
	count := len(vectors) / n
	mean := make([]float64, n)
	for i, v := range vectors {
		mean[i%n] += float64(v) / float64(count)
	}
	covariance := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			sum := 0.0
			for row := range count {
				sum += (float64(vectors[row*n+i]) - mean[i]) * (float64(vectors[row*n+j]) - mean[j])
			}
			covariance.SetSym(i, j, sum/float64(count-1))
		}
	}
	return mean, covariance
}

func TestMomentsRefuse(t *testing.T) {
	m := NewMoments(2)
	for name, err := range map[string]error{
		"half a vector":  m.Add([]float32{1, 2, 3}),
		"NaN":            m.Add([]float32{1, 2, 3, float32(math.NaN())}),
		"other features": m.Merge(NewMoments(3)),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if m.Count() != 0 {
		t.Errorf("%d vectors were counted", m.Count())
	}
}

// someStatistics are statistics to write.
func someStatistics(t testing.TB) *Statistics {
	s := statisticsOf(t, 3, []float32{1, 2, 3, 4, 5, 7, -1, 0, 1e-3, 1, 1, 1})
	s.Source = "weights \"a\"\n"
	return s
}

func TestStatisticsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.fid")
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	want := someStatistics(t)
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Count != want.Count || got.Source != want.Source || !reflect.DeepEqual(got.Mean, want.Mean) || !mat.Equal(got.Covariance, want.Covariance) {
		t.Errorf("read %+v, want %+v", got, want)
	}
	if err := (&Statistics{}).Save(path); err == nil {
		t.Error("empty statistics were written")
	}
	if _, err := Load(path); err != nil {
		t.Errorf("after a save that failed: %v", err)
	}
}

// TestDamagedFile changes each byte of a file, and cuts it short at each place: never is it taken for
// other statistics than those that were written.
func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.fid")
	want := someStatistics(t)
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range file {
		if _, err := read(bytes.NewReader(file[:i]), int64(i)); err == nil {
			t.Errorf("cut to %d bytes: taken", i)
		}
		changed := bytes.Clone(file)
		changed[i] ^= 1
		got, err := read(bytes.NewReader(changed), int64(len(changed)))
		if err == nil && (got.Count != want.Count || got.Source != want.Source || !reflect.DeepEqual(got.Mean, want.Mean) || !mat.Equal(got.Covariance, want.Covariance)) {
			t.Errorf("byte %d changed: read %+v", i, got)
		}
	}
}

func FuzzReadStatistics(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a.fid")
	if err := someStatistics(f).Save(path); err != nil {
		f.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Fuzz(func(t *testing.T, file []byte) {
		var s *Statistics
		var err error
		alloctest.Within(t, 1<<20+8*len(file), func() { s, err = read(bytes.NewReader(file), int64(len(file))) })
		if err == nil {
			if _, err := Distance(context.Background(), s, s); err != nil {
				t.Log(err) // an error is an answer, a panic is none
			}
		}
	})
}
