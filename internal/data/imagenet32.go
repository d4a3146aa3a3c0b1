package data

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Downsampled ImageNet (Chrabaszcz, Loshchilov, Hutter, 2017), 32x32: NumPy
// archives with an array "data" of bytes, [n, 3072], each row an image in the
// layout of CIFAR (three planes, row by row), and an array "labels" of n whole
// numbers from 1. Training batches also have "mean", their mean image, which is
// not used here: Info has the normalisation.
const (
	imagenetFolder = "imagenet32" // in the cache; the publisher has two, below
	imagenetByHand = "it cannot be fetched: register at image-net.org, download Imagenet32_train_npz.zip and Imagenet32_val_npz.zip, unpack both into one folder, and give that folder"
)

// The publisher's files, and the folders where they may lie below the one that
// Load is given, which is looked into as well.
var (
	imagenetTrain        = numbered("train_data_batch_%d.npz", 10)
	imagenetTest         = []string{"val_data.npz"}
	imagenetTrainFolders = []string{"Imagenet32_train_npz", "Imagenet32_train"}
	imagenetTestFolders  = []string{"Imagenet32_val_npz", "Imagenet32_val"}
)

// numbered fills 1 to n into a format.
func numbered(format string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i+1)
	}
	return out
}

// inFolders lists the paths at which a file may lie.
func inFolders(file string, folders []string) []string {
	paths := []string{file}
	for _, folder := range folders {
		paths = append(paths, filepath.Join(folder, file))
	}
	return paths
}

// imagenetLoader makes a dataSet's load function from its file names.
func imagenetLoader(trainFiles, testFiles []string) func(*dataSet, string) (*Images, *Images, error) {
	return func(set *dataSet, dir string) (train, test *Images, err error) {
		if train, err = loadImagenet(set.info, dir, imagenetTrainFolders, trainFiles, set.info.Train); err != nil {
			return nil, nil, err
		}
		if test, err = loadImagenet(set.info, dir, imagenetTestFolders, testFiles, set.info.Test); err != nil {
			return nil, nil, err
		}
		return train, test, nil
	}
}

// loadImagenet reads count images spread anyhow over files, in their order. The
// heads of all files are read before there is memory for any image, so that the
// files' own sizes stand behind it; then each row goes to its final place.
func loadImagenet(info Info, dir string, folders, files []string, count int) (*Images, error) {
	paths, left := make([]string, len(files)), count
	for i, file := range files {
		var err error
		if paths[i], err = findIn(dir, folders, file); err != nil {
			return nil, err
		}
		err = withImagenetBatch(paths[i], left, func(b *imagenetBatch) error { left -= b.rows; return nil })
		if err != nil {
			return nil, err
		}
	}
	if left > 0 {
		return nil, fmt.Errorf("data: %s: with it the files of %s have %d images, want %d: one of them is damaged or of another data set; get them again",
			paths[len(paths)-1], info.Title, count-left, count)
	}
	pixels, labels := make([]byte, 0, count*cifarPixels), make([]int32, 0, count)
	for _, path := range paths {
		err := withImagenetBatch(path, count-len(labels), func(b *imagenetBatch) (err error) {
			pixels, labels, err = b.read(info.Classes, pixels, labels)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return newImages(info, pixels, labels)
}

// findIn returns where a file lies: in dir or in one of the folders there.
func findIn(dir string, folders []string, file string) (string, error) {
	for _, path := range inFolders(file, folders) {
		path = filepath.Join(dir, path)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("data: cannot look for the file: %w", err)
		}
	}
	return "", fmt.Errorf("data: no %s in %s or in its folder %s: put the file there (%w)",
		file, dir, strings.Join(folders, " or "), fs.ErrNotExist)
}

// imagenetBatch is one file; only the heads of its arrays have been read.
type imagenetBatch struct {
	rows         int
	data, labels *npzArray
	integer      npyInteger // of labels
}

// withImagenetBatch opens a file of at most limit images for f.
func withImagenetBatch(path string, limit int, f func(*imagenetBatch) error) error {
	file, size, err := openRegular(path)
	if err != nil {
		return err
	}
	defer file.Close()
	batch, err := newImagenetBatch(file, size, path, limit)
	if err != nil {
		return err
	}
	return f(batch)
}

// newImagenetBatch reads the heads of a file of at most limit images, and checks
// all that they claim against each other and against the size of the file.
func newImagenetBatch(r io.ReaderAt, size int64, name string, limit int) (*imagenetBatch, error) {
	archive, err := openNPZ(r, size, name)
	if err != nil {
		return nil, err
	}
	b := &imagenetBatch{}
	if b.data, err = archive.array("data"); err != nil {
		return nil, err
	}
	shape := b.data.shape
	if b.data.kind != "'|u1'" {
		return nil, b.data.fail("has values of type %s, want bytes ('|u1')", b.data.kind)
	}
	if len(shape) != 2 || shape[1] != cifarPixels || shape[0] < 1 || shape[0] > limit {
		return nil, b.data.fail("has shape %d, want rows of %d bytes, at least 1 and at most the %d that the set still lacks", shape, cifarPixels, limit)
	}
	b.rows = shape[0]
	if err := b.data.holds(int64(b.rows) * cifarPixels); err != nil {
		return nil, err
	}
	if err := b.data.plausible(); err != nil {
		return nil, err
	}
	return b, b.openLabels(archive)
}

// openLabels reads and checks the head of the labels.
func (b *imagenetBatch) openLabels(archive *npz) (err error) {
	if b.labels, err = archive.array("labels"); err != nil {
		return err
	}
	if b.integer, err = parseNPYInteger(b.labels.kind); err != nil {
		return b.labels.fail("%v", err)
	}
	if shape := b.labels.shape; len(shape) != 1 || shape[0] != b.rows {
		return b.labels.fail("has shape %d, want one label for each of %d images", shape, b.rows)
	}
	return b.labels.holds(int64(b.rows) * int64(b.integer.size))
}

// read appends the batch's images and labels, which it counts from 0.
func (b *imagenetBatch) read(classes int, pixels []byte, labels []int32) ([]byte, []int32, error) {
	numbers, err := b.labels.values()
	if err != nil {
		return nil, nil, err
	}
	defer numbers.Close()
	number := make([]byte, b.integer.size)
	for row := range b.rows {
		if err := numbers.next(number); err != nil {
			return nil, nil, err
		}
		label := b.integer.value(number)
		if label < 1 || label > int64(classes) {
			return nil, nil, b.labels.fail("has %d in row %d, but labels go from 1 to %d", label, row, classes)
		}
		labels = append(labels, int32(label-1))
	}
	if err := numbers.end(); err != nil {
		return nil, nil, err
	}
	if pixels, err = b.readPixels(pixels); err != nil {
		return nil, nil, err
	}
	return pixels, labels, nil
}

// readPixels appends the batch's images, channels last.
func (b *imagenetBatch) readPixels(pixels []byte) ([]byte, error) {
	rows, err := b.data.values()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	planes := make([]byte, cifarPixels)
	for range b.rows {
		if err := rows.next(planes); err != nil {
			return nil, err
		}
		pixels = appendInterleaved(pixels, planes)
	}
	return pixels, rows.end()
}
