package fid

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

// made holds distances by SciPy and in 60 digits; testdata/export_scipy.py wrote it.
//
//go:embed testdata/distances.json
var made []byte

type madeCases struct {
	Full []struct {
		Means, Covariances [2][]float64
		Distance           float64
	}
	Deficient []struct {
		Features int
		Vectors  [2][]float32
		Distance float64
	}
}

func readMade(t *testing.T) (cases madeCases) {
	t.Helper()
	if err := json.Unmarshal(made, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases.Full) != 5 || len(cases.Deficient) != 3 {
		t.Fatalf("%d and %d cases in the file", len(cases.Full), len(cases.Deficient))
	}
	return cases
}

// within fails unless got is want up to a relative tolerance.
func within(t rapid.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Abs(want)) {
		t.Errorf("%s: %.17g, want %.17g, off by %.2g", what, got, want, math.Abs(got/want-1))
	}
}

func distance(t rapid.TB, a, b *Statistics) float64 {
	t.Helper()
	d, err := Distance(context.Background(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDistanceAgainstSciPy(t *testing.T) {
	for _, c := range readMade(t).Full {
		var s [2]*Statistics
		for i := range s {
			n := len(c.Means[i])
			s[i] = &Statistics{Count: 100, Mean: c.Means[i], Covariance: mat.NewSymDense(n, c.Covariances[i])}
		}
		within(t, "distance", distance(t, s[0], s[1]), c.Distance, 1e-6)
		within(t, "the other way", distance(t, s[1], s[0]), c.Distance, 1e-6)
	}
}

// TestDistanceRankDeficient goes from vectors, fewer than features, to the distance.
func TestDistanceRankDeficient(t *testing.T) {
	for _, c := range readMade(t).Deficient {
		var s [2]*Statistics
		for i := range s {
			s[i] = statisticsOf(t, c.Features, c.Vectors[i])
		}
		got := distance(t, s[0], s[1])
		t.Logf("off by %.2g", got/c.Distance-1)
		within(t, "distance", got, c.Distance, 1e-4)
	}
}

func TestDistanceDiagonal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "features")
		a, b := diagonal(t, n), diagonal(t, n)
		want := 0.0
		for i := range n {
			u, v := math.Sqrt(a.Covariance.At(i, i)), math.Sqrt(b.Covariance.At(i, i))
			want += (a.Mean[i]-b.Mean[i])*(a.Mean[i]-b.Mean[i]) + (u-v)*(u-v)
		}
		within(t, "distance", distance(t, a, b), want, 1e-9)
	})
}

// diagonal draws variances of very different sizes, zero among them.
func diagonal(t *rapid.T, n int) *Statistics {
	s := &Statistics{Count: 2, Mean: make([]float64, n), Covariance: mat.NewSymDense(n, nil)}
	for i := range n {
		s.Mean[i] = float64(rapid.IntRange(-5, 5).Draw(t, "mean"))
		digit, power := rapid.IntRange(0, 9).Draw(t, "digit"), rapid.IntRange(-12, 3).Draw(t, "power")
		s.Covariance.SetSym(i, i, float64(digit)*math.Pow10(power))
	}
	return s
}

// gaussian draws statistics of full rank or less.
func gaussian(t *rapid.T, n int) *Statistics {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	rows := rapid.IntRange(2, 2*n+2).Draw(t, "rows")
	vectors := make([]float32, rows*n)
	for i := range vectors {
		vectors[i] = float32(r.NormFloat64()) + float32(i%n)
	}
	return statisticsOf(t, n, vectors)
}

func statisticsOf(t rapid.TB, features int, vectors []float32) *Statistics {
	t.Helper()
	m := NewMoments(features)
	if err := m.Add(vectors); err != nil {
		t.Fatal(err)
	}
	s, err := m.Statistics("")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDistanceProperties: zero for equal, symmetric, a shift adds its square, a rotation nothing.
func TestDistanceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 7).Draw(t, "features")
		a, b := gaussian(t, n), gaussian(t, n)
		d := distance(t, a, b)
		size := mat.Trace(a.Covariance) + mat.Trace(b.Covariance)
		near := func(what string, got, want float64) {
			// Singular covariances are known to the root of their rounding.
			if tolerance := 1e-6 * (size + want); math.Abs(got-want) > tolerance {
				t.Errorf("%s: %g, want %g up to %g", what, got, want, tolerance)
			}
		}
		if same := distance(t, a, a); same > 1e-11*size {
			t.Errorf("%g from itself", same)
		}
		near("the other way", distance(t, b, a), d)

		shifted := *a
		shifted.Mean = make([]float64, n)
		for i, mean := range a.Mean {
			shifted.Mean[i] = mean + float64(i+1)
		}
		near("shifted", distance(t, a, &shifted), float64(n*(n+1)*(2*n+1))/6)

		turn := rotation(rapid.Uint64().Draw(t, "rotation"), n)
		near("rotated", distance(t, rotated(a, turn), rotated(b, turn)), d)
	})
}

func rotation(seed uint64, n int) *mat.Dense {
	r := rand.New(rand.NewPCG(seed, 2))
	var qr mat.QR
	random := mat.NewDense(n, n, nil)
	random.Apply(func(_, _ int, _ float64) float64 { return r.NormFloat64() }, random)
	qr.Factorize(random)
	var q mat.Dense
	qr.QTo(&q)
	return &q
}

func rotated(s *Statistics, turn *mat.Dense) *Statistics {
	n := len(s.Mean)
	var mean mat.VecDense
	mean.MulVec(turn, mat.NewVecDense(n, s.Mean))
	var product mat.Dense
	product.Product(turn, s.Covariance, turn.T())
	covariance := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			covariance.SetSym(i, j, product.At(i, j))
		}
	}
	return &Statistics{Count: s.Count, Mean: mean.RawVector().Data, Covariance: covariance}
}

func TestDistanceRefuses(t *testing.T) {
	of := func(count int, mean []float64, covariance ...float64) *Statistics {
		return &Statistics{Count: count, Mean: mean, Covariance: mat.NewSymDense(len(mean), covariance)}
	}
	good := of(2, []float64{0, 0}, 1, 0, 0, 1)
	other := *good
	other.Source = "another network"
	for name, bad := range map[string]*Statistics{
		"empty":           {Count: 2},
		"one sample":      of(1, []float64{0, 0}, 1, 0, 0, 1),
		"other size":      of(2, []float64{0}, 1),
		"other source":    &other,
		"no covariance":   {Count: 2, Mean: []float64{0, 0}},
		"NaN in mean":     of(2, []float64{0, math.NaN()}, 1, 0, 0, 1),
		"infinite":        of(2, []float64{0, 0}, 1, math.Inf(1), 0, 1),
		"negative":        of(2, []float64{0, 0}, 1, 0, 0, -1),
		"indefinite":      of(2, []float64{0, 0}, 1, 2, 2, 1),
		"zero variance":   of(2, []float64{0, 0}, 0, 1, 1, 1),
		"beyond a double": of(2, []float64{0, 1e200}, 1, 0, 0, 1),
	} {
		if d, err := Distance(t.Context(), good, bad); err == nil {
			t.Errorf("%s: distance %g", name, d)
		}
	}
}

// cancelling is a context that is cancelled as soon as somebody waits for it.
type cancelling struct {
	context.Context
	cancel func()
}

func (c cancelling) Done() <-chan struct{} {
	c.cancel()
	return c.Context.Done()
}

// TestDistanceStops: nobody waits for a distance that takes long, here seconds.
func TestDistanceStops(t *testing.T) {
	const features = 500
	moments := NewMoments(features)
	vectors := make([]float32, 2*features*features)
	for i := range vectors {
		vectors[i] = rand.Float32()
	}
	if err := moments.Add(vectors); err != nil {
		t.Fatal(err)
	}
	s, err := moments.Statistics("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if d, err := Distance(cancelling{ctx, cancel}, s, s); !errors.Is(err, context.Canceled) {
		t.Errorf("distance %g, error %v", d, err)
	}
}
