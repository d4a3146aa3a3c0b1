package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
)

// TestOrthonormal compares with one reflection after the other, in plain Go.
func TestOrthonormal(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, size := range [][2]int{{1, 1}, {4, 1}, {5, 5}, {8, 3}, {17, 13}} {
			normals := graphtest.Random(rand.New(rand.NewPCG(1, 3)), size[0], size[1])
			got := graphtest.Run(t, backend, func(in []*Node) []*Node { return []*Node{orthonormal(in[0])} }, normals)
			graphtest.MustMatch(t, "orthonormal columns", got[0], plainOrthonormal(normals), 1e-13)
		}
	})
}

// plainOrthonormal gives column k of the product of reflections, with the sign that makes R's
// diagonal positive: reflection k takes the k-th column of normals, from its k-th element on, to a
// multiple of the k-th unit vector.
func plainOrthonormal(normals graphtest.Array) graphtest.Array {
	rows, columns := normals.Dims[0], normals.Dims[1]
	q := graphtest.Zeros(rows, columns)
	for k := range columns {
		q.Flat[k*columns+k] = 1
	}
	for k := columns - 1; k >= 0; k-- {
		vector, square := make([]float64, rows), 0.0
		for i := k; i < rows; i++ {
			vector[i] = normals.Flat[i*columns+k]
			square += vector[i] * vector[i]
		}
		side := math.Copysign(1, vector[k])
		vector[k] += side * math.Sqrt(square)
		square = 0
		for _, v := range vector {
			square += v * v
		}
		for j := range columns {
			along := 0.0
			for i, v := range vector {
				along += v * q.Flat[i*columns+j]
			}
			for i, v := range vector {
				q.Flat[i*columns+j] -= 2 * along / square * v
			}
		}
	}
	for i := range q.Flat {
		k := i % columns
		q.Flat[i] *= -math.Copysign(1, normals.Flat[k*columns+k])
	}
	return q
}

// TestOrthogonal multiplies the rows of the matrices, or the columns where there are fewer.
func TestOrthogonal(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, dims := range [][]int{{1, 1}, {7, 7}, {30, 100}, {100, 30}, {1, 1, 64, 256}, {1, 1, 256, 64}, {3, 3, 64, 64}, {3, 3, 2, 40}, {3, 3, 256, 128}} {
			w := draw(t, backend, 3, Orthogonal, dims...)
			out := dims[len(dims)-1]
			rest := len(w) / out
			count, length, at := out, rest, func(i, j int) float64 { return float64(w[j*out+i]) }
			if out > rest {
				count, length, at = rest, out, func(i, j int) float64 { return float64(w[i*out+j]) }
			}
			for i := range count {
				for k := range i + 1 {
					product, want := 0.0, 0.0
					for j := range length {
						product += at(i, j) * at(k, j)
					}
					if i == k {
						want = 1
					}
					if math.Abs(product-want) > 1e-5 {
						t.Fatalf("%v: vectors %d and %d have the product %g", dims, i, k, product)
					}
				}
			}
		}
	})
}

// TestOrthogonalIsUniform holds the moments of the trace of many 3x3 matrices against those of the
// Haar distribution, 0 and 1 (and 3 for the fourth, in the standard error). Half of the matrices are
// rotations, with determinant 1.
func TestOrthogonalIsUniform(t *testing.T) {
	const n = 1000
	var trace, square, rotations float64
	for seed := range int64(n) {
		w := draw(t, enginetest.Backend(t, "go"), seed, Orthogonal, 3, 3)
		sum := float64(w[0] + w[4] + w[8])
		trace += sum / n
		square += sum * sum / n
		if w[0]*(w[4]*w[8]-w[5]*w[7])-w[1]*(w[3]*w[8]-w[5]*w[6])+w[2]*(w[3]*w[7]-w[4]*w[6]) > 0 {
			rotations += 1.0 / n
		}
	}
	if math.Abs(trace) > 5*math.Sqrt(1.0/n) || math.Abs(square-1) > 5*math.Sqrt(2.0/n) || math.Abs(rotations-0.5) > 5*math.Sqrt(0.25/n) {
		t.Errorf("mean of the trace %g, of its square %g, share of rotations %g", trace, square, rotations)
	}
}
