package fid

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/gonum/mat"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
	"github.com/kafisto/kafisto/internal/inputfile"
)

// The names in a file of statistics: its two tensors and the keys of its text.
const (
	meanName       = "mean"
	covarianceName = "covariance"
	formatKey      = "format"
	countKey       = "count"
	sourceKey      = "source"
	sumKey         = "sha256"

	statisticsFormat = "kafisto-fid-statistics-1"
)

// maxFeatures bounds the size of a covariance that is read: 2 GiB.
const maxFeatures = 1 << 14

// maxStatistics is the most bytes that a file of statistics has.
const maxStatistics = 8*maxFeatures*(maxFeatures+1) + 1<<20

// Save writes the statistics to a safetensors file, which is whole or not there ([atomicfile.Write]):
// the tensors "mean" and "covariance" in float64, and as text the format, the count, the source and
// the SHA-256 of all of these. It is an error if the statistics are no valid ones.
func (s *Statistics) Save(path string) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("fid: cannot write %s: %w", path, err)
	}
	n := int64(len(s.Mean))
	layout := []safetensors.Tensor{
		{Name: meanName, DType: safetensors.F64, Shape: []int64{n}},
		{Name: covarianceName, DType: safetensors.F64, Shape: []int64{n, n}},
	}
	if err := safetensors.Pack(layout); err != nil {
		return fmt.Errorf("fid: cannot write %s: %w", path, err)
	}
	values := s.bytes()
	return atomicfile.Write(path, func(w io.Writer) error {
		text := map[string]string{
			formatKey: statisticsFormat, countKey: strconv.Itoa(s.Count), sourceKey: s.Source, sumKey: s.sum(values),
		}
		if err := safetensors.WriteHeader(w, layout, text); err != nil {
			return err
		}
		_, err := w.Write(values)
		return err
	})
}

// bytes are the mean and then the covariance, row by row, little-endian.
func (s *Statistics) bytes() []byte {
	n := len(s.Mean)
	values := make([]byte, 0, 8*n*(n+1))
	add := func(x float64) { values = binary.LittleEndian.AppendUint64(values, math.Float64bits(x)) }
	for _, mean := range s.Mean {
		add(mean)
	}
	for i := range n {
		for j := range n {
			add(s.Covariance.At(i, j))
		}
	}
	return values
}

// sum is the SHA-256 of the statistics, whose values those are.
func (s *Statistics) sum(values []byte) string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\n%d\n%q\n", statisticsFormat, s.Count, s.Source)
	hash.Write(values)
	return hex.EncodeToString(hash.Sum(nil))
}

// Load reads what [Statistics.Save] has written. A file that is missing is an error that wraps
// fs.ErrNotExist; one that is no such file, cut short or changed is an error that says so.
func Load(path string) (*Statistics, error) {
	file, size, err := inputfile.Open(path, maxStatistics)
	if err != nil {
		return nil, fmt.Errorf("fid: %w", err)
	}
	defer file.Close()
	s, err := read(file, size)
	if err != nil {
		return nil, fmt.Errorf("fid: %s: no whole file of statistics (%w): remove it, and it is made again", path, err)
	}
	return s, nil
}

// read reads statistics from a file of size bytes.
func read(r io.Reader, size int64) (*Statistics, error) {
	header, err := safetensors.ReadHeader(r, size)
	if err != nil {
		return nil, err
	}
	text := header.Metadata
	count, err := strconv.Atoi(text[countKey])
	if text[formatKey] != statisticsFormat || err != nil {
		return nil, errors.New("it says nothing of statistics")
	}
	n, err := features(header.Tensors)
	if err != nil {
		return nil, err
	}
	values := make([]byte, 8*n*(n+1))
	if _, err := io.ReadFull(r, values); err != nil {
		return nil, err
	}
	numbers := make([]float64, len(values)/8)
	if err := binary.Read(bytes.NewReader(values), binary.LittleEndian, numbers); err != nil {
		return nil, err
	}
	s := &Statistics{Source: text[sourceKey], Count: count, Mean: numbers[:n:n], Covariance: mat.NewSymDense(n, numbers[n:])}
	if s.sum(values) != text[sumKey] {
		return nil, errors.New("its SHA-256 is another")
	}
	return s, s.check()
}

// features is the size of the mean and of the covariance, which are the only tensors, in that order.
func features(tensors []safetensors.Tensor) (int, error) {
	if len(tensors) != 2 {
		return 0, fmt.Errorf("it has %d tensors, want 2", len(tensors))
	}
	mean, covariance := tensors[0], tensors[1]
	if mean.Name != meanName || covariance.Name != covarianceName || mean.DType != safetensors.F64 ||
		covariance.DType != safetensors.F64 || len(mean.Shape) != 1 || len(covariance.Shape) != 2 {
		return 0, errors.New("its tensors are no mean and covariance")
	}
	n := mean.Shape[0]
	if n < 1 || n > maxFeatures || covariance.Shape[0] != n || covariance.Shape[1] != n {
		return 0, fmt.Errorf("its tensors have the shapes %v and %v", mean.Shape, covariance.Shape)
	}
	return int(n), nil
}
