package fid

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Statistics are the mean and the covariance of a set of feature vectors.
type Statistics struct {
	// Source names what made the features, such as the SHA-256 of a network's weights. [Distance]
	// compares only those of the same source. It may be empty.
	Source string
	// Count is the number of vectors, at least 2.
	Count int
	// Mean has a number for each feature, at least one.
	Mean []float64
	// Covariance is that of the sample (divided by Count - 1), [features, features].
	Covariance *mat.SymDense
}

// check says what is wrong with the statistics.
func (s *Statistics) check() error {
	switch n := len(s.Mean); {
	case n == 0:
		return errors.New("the statistics have no features")
	case s.Count < 2:
		return fmt.Errorf("a covariance needs at least 2 samples, there are %d", s.Count)
	case s.Covariance == nil || s.Covariance.SymmetricDim() != n:
		return fmt.Errorf("the covariance does not have the size of the mean, %d", n)
	}
	for i, mean := range s.Mean {
		if !isFinite(mean) {
			return fmt.Errorf("the mean of feature %d is not finite", i)
		}
		for j := i; j < len(s.Mean); j++ {
			if !isFinite(s.Covariance.At(i, j)) {
				return fmt.Errorf("the covariance of features %d and %d is not finite", i, j)
			}
		}
		if s.Covariance.At(i, i) < 0 {
			return fmt.Errorf("the variance of feature %d is negative", i)
		}
	}
	return nil
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// chunkRows is how many vectors enter the sums at once, which bounds the memory that [Moments.Add]
// takes.
const chunkRows = 512

// Moments collects the mean and the covariance of feature vectors as they come. Create it with
// [NewMoments]. It is not safe for concurrent use: collect in several and merge them.
//
// Batches are centred by their own means before they are squared, and joined as in Chan, Golub and
// LeVeque, "Algorithms for computing the sample variance", 1983: means that are large against the
// deviations cost no digits.
type Moments struct {
	count   int
	mean    []float64
	scatter *mat.SymDense // sum of the products of what differs from the mean
}

// NewMoments prepares for vectors of so many features, which must be at least 1.
func NewMoments(features int) *Moments {
	return &Moments{mean: make([]float64, features), scatter: mat.NewSymDense(features, nil)}
}

// Count is the number of vectors so far.
func (m *Moments) Count() int { return m.count }

// Add takes the vectors of a batch, one after the other. It is an error, and nothing is taken, if
// they are no whole number of vectors or hold NaN or infinities.
func (m *Moments) Add(vectors []float32) error {
	n := len(m.mean)
	if len(vectors)%n != 0 {
		return fmt.Errorf("fid: %d numbers are no whole number of vectors of %d features", len(vectors), n)
	}
	for i, v := range vectors {
		if !isFinite(float64(v)) {
			return fmt.Errorf("fid: feature %d of vector %d is not finite: the network or its input is damaged", i%n, i/n)
		}
	}
	for chunk := range slices.Chunk(vectors, chunkRows*n) {
		m.join(momentsOf(chunk, n))
	}
	return nil
}

// momentsOf are the moments of a chunk of at least one vector.
func momentsOf(vectors []float32, features int) *Moments {
	m := NewMoments(features)
	m.count = len(vectors) / features
	centred := mat.NewDense(m.count, features, nil)
	for i, v := range vectors {
		m.mean[i%features] += float64(v)
	}
	for i := range m.mean {
		m.mean[i] /= float64(m.count)
	}
	for i, v := range vectors {
		centred.Set(i/features, i%features, float64(v)-m.mean[i%features])
	}
	m.scatter.SymRankK(m.scatter, 1, centred.T())
	return m
}

// Merge takes the vectors that other has collected; other stays as it is. It is an error if they have
// another number of features.
func (m *Moments) Merge(other *Moments) error {
	if len(m.mean) != len(other.mean) {
		return fmt.Errorf("fid: cannot merge moments of %d features with those of %d", len(other.mean), len(m.mean))
	}
	if other.count > 0 {
		m.join(other)
	}
	return nil
}

func (m *Moments) join(other *Moments) {
	n, k := float64(m.count), float64(other.count)
	difference := mat.NewVecDense(len(m.mean), nil)
	for i := range m.mean {
		difference.SetVec(i, other.mean[i]-m.mean[i])
		m.mean[i] += difference.AtVec(i) * k / (n + k)
	}
	m.scatter.AddSym(m.scatter, other.scatter)
	m.scatter.SymRankOne(m.scatter, n*k/(n+k), difference)
	m.count += other.count
}

// Statistics are the mean and the covariance of the vectors so far, with that source; later vectors
// do not change them. It is an error if there are fewer than 2.
func (m *Moments) Statistics(source string) (*Statistics, error) {
	s := &Statistics{Source: source, Count: m.count, Mean: slices.Clone(m.mean), Covariance: mat.NewSymDense(len(m.mean), nil)}
	if m.count > 1 {
		s.Covariance.ScaleSym(1/float64(m.count-1), m.scatter)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("fid: %w", err)
	}
	return s, nil
}
