package conv

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/native"
)

// problem is a square convolution of 32x32 images with padding for the same size.
func problem(t *testing.T, kernel, stride, in, out int) Problem {
	t.Helper()
	pad := [2]int{kernel / 2, kernel / 2}
	g, err := NewGeometry([2]int{32, 32}, [2]int{kernel, kernel}, [2]int{stride, stride}, [2][2]int{pad, pad})
	if err != nil {
		t.Fatal(err)
	}
	return Problem{Geometry: g, Batch: 128, Inputs: in, Outputs: out, DType: dtypes.Float32}
}

// TestTable checks what is embedded: every row names lowerings, has a time for each, the fastest
// first, and at least one that can.
func TestTable(t *testing.T) {
	rows, err := parseTable(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) == 0 {
		t.Error("the table is empty")
	}
	for _, row := range rows {
		if len(row.Fastest) == 0 {
			t.Errorf("no lowering in %+v", row)
		}
		last := 0.0
		for _, m := range row.Fastest {
			if m.Milliseconds < last || m.Milliseconds <= 0 {
				t.Errorf("times of %+v are not in order", row)
			}
			last = m.Milliseconds
		}
	}
	if _, err := parseTable([]byte(`[{"fastest": [{"lowering": "magic", "ms": 1}]}]`)); err == nil {
		t.Error("an unknown lowering is no error")
	}
	if _, err := parseTable([]byte(`{`)); err == nil {
		t.Error("a broken file is no error")
	}
}

// TestNearest finds rows by channels and pixels, for the same kernel and stride only.
func TestNearest(t *testing.T) {
	row := func(in, batch int, lowering string) Row {
		return Row{Place: OnGo, Pass: ForwardPass, Kernel: [2]int{3, 3}, Stride: [2]int{1, 1}, Inputs: in, Outputs: 64,
			Size: [2]int{32, 32}, Batch: batch, Fastest: []Measure{{lowering, 1}}}
	}
	rows := []Row{row(64, 128, "a"), row(8, 128, "b"), row(64, 4, "c")}
	for _, c := range []struct {
		problem Problem
		want    string
	}{
		{problem(t, 3, 1, 64, 64), "a"}, {problem(t, 3, 1, 3, 64), "b"}, {problem(t, 3, 1, 16, 32), "b"}, {problem(t, 3, 1, 512, 512), "a"},
		{func() Problem { p := problem(t, 3, 1, 64, 64); p.Batch = 1; return p }(), "c"},
	} {
		if got := nearest(rows, OnGo, ForwardPass, c.problem); got.Fastest[0].Lowering != c.want {
			t.Errorf("row %q, want %q, for %+v", got.Fastest[0].Lowering, c.want, c.problem)
		}
	}
	for _, other := range []Problem{problem(t, 5, 1, 64, 64), problem(t, 3, 2, 64, 64)} {
		if got := nearest(rows, OnGo, ForwardPass, other); got != nil {
			t.Errorf("row %+v for %+v", got, other)
		}
	}
	if got := nearest(rows, OnCPU, ForwardPass, problem(t, 3, 1, 64, 64)); got != nil {
		t.Errorf("row %+v of another engine", got)
	}
}

// TestChoose checks that what is chosen can do the problem, everywhere, and what must not depend on
// measurements.
func TestChoose(t *testing.T) {
	for _, place := range []Place{OnGo, OnCPU, OnNative, OnCUDA} {
		for _, pass := range Passes {
			for kernel := 1; kernel <= 7; kernel++ {
				for stride := 1; stride <= 3; stride++ {
					p := problem(t, kernel, stride, 3, 40)
					got := choose(place, pass, p)
					if !got.can(place, pass, p) {
						t.Errorf("%s cannot do the %s of %+v", got.name, pass, p)
					}
					if place == OnCUDA && got != direct {
						t.Errorf("%s on CUDA, want direct (cuDNN)", got.name)
					}
					p.Batch, p.Outputs = 1000, 1000
					if got := choose(place, pass, p); place == OnGo && got == direct {
						t.Errorf("the loops of the Go backend for the %s of %+v", pass, p)
					}
				}
			}
		}
	}
}

func TestPlaceOf(t *testing.T) {
	want := map[string]Place{"go": OnGo, "xla": OnCPU}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		if native.Available(backend) {
			want["xla"] = OnNative
		}
		if got := PlaceOf(backend); got != want[backend.String()] {
			t.Errorf("place of %q is %q", backend.String(), got)
		}
	})
}

// TestMeasure measures a small problem: all lowerings that can are in the row.
func TestMeasure(t *testing.T) {
	p := problem(t, 3, 1, 2, 3)
	p.Batch = 1
	for _, pass := range Passes {
		row, err := MeasureRow(enginetest.Backend(t, "go"), pass, p, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(row.Fastest) != 3 { // direct, patches, winograd
			t.Errorf("%s: %+v", pass, row)
		}
	}
}
