package data

import (
	"embed"
	"fmt"
)

// To make the sample again: FASHION_MNIST=FOLDER go generate ./internal/data,
// where FOLDER holds the publisher's four files.
//go:generate go run ./makesample -src $FASHION_MNIST -dest sample

// sampleFiles holds the sample's gzipped IDX files and their licence (the
// pattern matches the licence alone too, so that makesample builds without them).
//
//go:embed sample/*
var sampleFiles embed.FS

// Sizes of the embedded sample.
const (
	sampleTrain = 10000
	sampleTest  = 2000
)

// FashionSample returns the embedded part of Fashion-MNIST (Xiao, Rasul,
// Vollgraf, 2017; MIT licence, Zalando SE): the first 1,000 images of each
// class of the publisher's training set, and as held-out images the first 200
// of each class of its test set, both in the publisher's order.
func FashionSample() (train, test *Images, err error) {
	return Load("fashion-sample", "")
}

func loadSample(set *dataSet, _ string) (train, test *Images, err error) {
	if train, err = loadSamplePart(set.info, "train", sampleTrain); err != nil {
		return nil, nil, err
	}
	if test, err = loadSamplePart(set.info, "t10k", sampleTest); err != nil {
		return nil, nil, err
	}
	return train, test, nil
}

func loadSamplePart(info Info, prefix string, count int) (*Images, error) {
	_, pixels, err := readSampleFile(prefix+"-images-idx3-ubyte.gz", 3, count*info.Height*info.Width)
	if err != nil {
		return nil, err
	}
	_, labels, err := readSampleFile(prefix+"-labels-idx1-ubyte.gz", 1, count)
	if err != nil {
		return nil, err
	}
	return newImages(info, pixels, widen(labels))
}

func readSampleFile(base string, rank, maxValues int) ([]int, []byte, error) {
	file, err := sampleFiles.Open("sample/" + base)
	if err != nil {
		return nil, nil, fmt.Errorf("data: this program was built without the embedded sample: %w", err)
	}
	defer file.Close()
	return ReadIDX(file, "embedded "+base, rank, maxValues)
}
