package data

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// moments returns the mean and standard deviation of each channel in pixel values.
func moments(im *Images) (mean, std []float64) {
	counts := make([][256]int, im.Channels)
	for i, v := range im.Pixels {
		counts[i%im.Channels][v]++
	}
	n := float64(len(im.Pixels) / im.Channels)
	for _, count := range counts {
		var sum, squares float64
		for v, times := range count {
			sum += float64(v) * float64(times)
			squares += float64(v) * float64(v) * float64(times)
		}
		mean = append(mean, sum/n)
		std = append(std, math.Sqrt(squares/n-(sum/n)*(sum/n)))
	}
	return mean, std
}

func perClass(im *Images) []int {
	counts := make([]int, im.Classes)
	for _, l := range im.Labels {
		counts[l]++
	}
	return counts
}

func balanced(classes, each int) []int { return slices.Repeat([]int{each}, classes) }

func TestFashionSample(t *testing.T) {
	train, test, err := FashionSample()
	if err != nil {
		t.Fatal(err)
	}
	if got := perClass(train); !slices.Equal(got, balanced(10, 1000)) {
		t.Errorf("training images a class: %v", got)
	}
	if got := perClass(test); !slices.Equal(got, balanced(10, 200)) {
		t.Errorf("held-out images a class: %v", got)
	}
	again, _, err := Load("fashion-sample", "")
	if err != nil || !slices.Equal(again.Pixels, train.Pixels) {
		t.Errorf("Load differs from FashionSample: %v", err)
	}
	mean, std := moments(train)
	if math.Abs(mean[0]-float64(fashionMean[0])) > 1 || math.Abs(std[0]-float64(fashionStd[0])) > 1 {
		t.Errorf("moments %v %v are far from the whole set's", mean, std)
	}
	files, err := sampleFiles.ReadDir("sample")
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > 6<<20 {
		t.Errorf("the sample takes %d bytes, more than 6 MiB", size)
	}
}

// TestPublishedFashionMNIST reads the publisher's files where they lie beside
// the checkout.
func TestPublishedFashionMNIST(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(filepath.Join(dir, "fashion-mnist")); err != nil {
		t.Skipf("no Fashion-MNIST in %s, so the reader is not tried on the published files", dir)
	}
	train, test, err := Load("fashion-mnist", dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(perClass(train), balanced(10, 6000)) || !slices.Equal(perClass(test), balanced(10, 1000)) {
		t.Errorf("images a class: %v and %v", perClass(train), perClass(test))
	}
	mean, std := moments(train)
	if got := fmt.Sprintf("%.4f %.4f", mean[0]/255, std[0]/255); got != "0.2860 0.3530" {
		t.Errorf("mean and deviation %s, want 0.2860 0.3530", got)
	}

	// The sample is the first images of each class, in order.
	sample, heldOut, err := FashionSample()
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range []struct {
		part, whole *Images
		each        int
	}{{sample, train, 1000}, {heldOut, test, 200}} {
		taken, next := make([]int, 10), 0
		for i, l := range pair.whole.Labels {
			if taken[l]++; taken[l] > pair.each {
				continue
			}
			if pair.part.Labels[next] != l || !slices.Equal(pair.part.Image(next), pair.whole.Image(i)) {
				t.Fatalf("sample image %d is not image %d of the whole", next, i)
			}
			next++
		}
		if next != pair.part.Len() {
			t.Errorf("%d images expected in the sample, has %d", next, pair.part.Len())
		}
	}
}

// TestUnpackedCIFAR reads CIFAR from the folder in KAFISTO_DATA_DIR, in the
// publisher's layout, if the variable is set.
func TestUnpackedCIFAR(t *testing.T) {
	dir := os.Getenv("KAFISTO_DATA_DIR")
	if dir == "" {
		t.Skip("KAFISTO_DATA_DIR is not set, so the reader is not tried on whole CIFAR-10 files")
	}
	train, test, err := Load("cifar10", dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(perClass(train), balanced(10, 5000)) || !slices.Equal(perClass(test), balanced(10, 1000)) {
		t.Errorf("images a class: %v and %v", perClass(train), perClass(test))
	}
	mean, std := moments(train) // a JPEG copy or the original: near the published constants
	for c := range mean {
		if math.Abs(mean[c]-float64(cifar10Mean[c])) > 2 || math.Abs(std[c]-float64(cifar10Std[c])) > 2 {
			t.Errorf("channel %d: moments %.1f %.1f, published %.1f %.1f", c, mean[c], std[c], cifar10Mean[c], cifar10Std[c])
		}
	}
}
