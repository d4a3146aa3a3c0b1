// Command makesample writes the embedded Fashion-MNIST sample: the first 1,000
// images of each class of the publisher's training set and the first 200 of
// each class of its test set, in the publisher's order, as gzipped IDX files.
// The same input gives the same bytes.
//
//	go run ./makesample -src FOLDER -dest sample
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/data"
)

func main() {
	log.SetFlags(0)
	src := flag.String("src", "", "folder with the publisher's four Fashion-MNIST files (required)")
	dest := flag.String("dest", "", "folder to write to (required)")
	flag.Parse()
	if *src == "" || *dest == "" {
		log.Fatal("makesample: -src and -dest are required")
	}
	if err := run(*src, *dest); err != nil {
		log.Fatal(err)
	}
}

func run(src, dest string) error {
	train, test, err := data.Load("fashion-mnist", src)
	if err != nil {
		return err
	}
	if err := write(dest, "train", balanced(train, 1000)); err != nil {
		return err
	}
	return write(dest, "t10k", balanced(test, 200))
}

// balanced returns the first perClass examples of each class, in their order.
func balanced(all *data.Images, perClass int) *data.Images {
	part := *all
	part.Pixels, part.Labels = nil, nil
	taken := make([]int, all.Classes)
	for i, label := range all.Labels {
		if taken[label] < perClass {
			taken[label]++
			part.Pixels = append(part.Pixels, all.Image(i)...)
			part.Labels = append(part.Labels, label)
		}
	}
	return &part
}

func write(dest, prefix string, im *data.Images) error {
	labels := make([]byte, im.Len())
	for i, label := range im.Labels {
		labels[i] = byte(label)
	}
	shape := []int{im.Len(), im.Height, im.Width}
	if err := writeFile(filepath.Join(dest, prefix+"-images-idx3-ubyte.gz"), shape, im.Pixels); err != nil {
		return err
	}
	return writeFile(filepath.Join(dest, prefix+"-labels-idx1-ubyte.gz"), shape[:1], labels)
}

func writeFile(path string, shape []int, values []byte) error {
	var packed bytes.Buffer
	gz, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := data.WriteIDX(gz, shape, values); err != nil {
		return err
	}
	if err := gz.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(path+".part", packed.Bytes(), 0o644); err != nil {
		return fmt.Errorf("makesample: %w", err)
	}
	return os.Rename(path+".part", path)
}
