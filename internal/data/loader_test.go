package data

import (
	"context"
	"errors"
	"math"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustLoader(t testing.TB, im *Images, config LoaderConfig) *Loader {
	t.Helper()
	if config.Mean == nil {
		config.Mean, config.Std = slices.Repeat([]float32{100}, im.Channels), slices.Repeat([]float32{50}, im.Channels)
	}
	loader, err := NewLoader(im, config)
	if err != nil {
		t.Fatal(err)
	}
	return loader
}

func TestNewLoaderRefuses(t *testing.T) {
	good := LoaderConfig{BatchSize: 2, Mean: []float32{1, 2, 3}, Std: []float32{1, 1, 1}}
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		spoil func(*LoaderConfig)
		word  string
	}{
		"batch size":      {func(c *LoaderConfig) { c.BatchSize = 0 }, "batch size 0"},
		"too large":       {func(c *LoaderConfig) { c.BatchSize, c.DropLast = 6, true }, "more than the 5"},
		"negative pad":    {func(c *LoaderConfig) { c.Augment.Pad = -1 }, "padding of -1"},
		"huge pad":        {func(c *LoaderConfig) { c.Augment.Pad = 5 }, "padding of 5"},
		"few means":       {func(c *LoaderConfig) { c.Mean = c.Mean[:1] }, "1 means"},
		"no deviations":   {func(c *LoaderConfig) { c.Std = nil }, "0 standard deviations"},
		"zero deviation":  {func(c *LoaderConfig) { c.Std = []float32{1, 0, 1} }, "channel 1"},
		"NaN deviation":   {func(c *LoaderConfig) { c.Std = []float32{1, 1, nan} }, "channel 2"},
		"NaN mean":        {func(c *LoaderConfig) { c.Mean = []float32{nan, 1, 1} }, "channel 0"},
		"infinite spread": {func(c *LoaderConfig) { c.Std = []float32{float32(math.Inf(1)), 1, 1} }, "channel 0"},
	} {
		config := good
		c.spoil(&config)
		_, err := NewLoader(fakeImages(5, 4, 4, 3), config)
		t.Run(name, func(t *testing.T) { wantError(t, err, c.word) })
	}
	_, err := NewLoader(nil, good)
	wantError(t, err)
	spoiled := fakeImages(5, 4, 4, 3)
	spoiled.Labels[1] = 99
	_, err = NewLoader(spoiled, good)
	wantError(t, err, "label 99")

	im := fakeImages(5, 4, 4, 3)
	loader := mustLoader(t, im, good)
	if loader.Images() != im {
		t.Error("the loader reads a copy of the set")
	}
	for _, bad := range [][2]int{{-1, 0}, {0, -1}, {0, 3}} {
		wantError(t, loader.Batch(bad[0], bad[1], new(Batch)), "no step")
	}
}

func TestBatchWithoutAugmentationIsTheImage(t *testing.T) {
	im := fakeImages(5, 4, 3, 3)
	loader := mustLoader(t, im, LoaderConfig{BatchSize: 2, Mean: []float32{1, 2, 3}, Std: []float32{4, 5, 6}})
	var batch Batch
	if err := loader.Batch(3, 2, &batch); err != nil {
		t.Fatal(err)
	}
	if batch.Size != 1 || !slices.Equal(batch.Indices, []int32{4}) || batch.Labels[0] != im.Labels[4] || batch.Epoch != 3 || batch.Step != 2 {
		t.Errorf("wrong batch: %+v", batch)
	}
	want := renderPlainly([]float32{1, 2, 3}, []float32{4, 5, 6}, im.Image(4), 4, 3, view{})
	if !slices.Equal(batch.Pixels, want) {
		t.Errorf("got %v\nwant %v", batch.Pixels, want)
	}
}

func TestEpochVisitsEachExampleOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(rt, "n")
		config := LoaderConfig{
			BatchSize: rapid.IntRange(1, n).Draw(rt, "batch"),
			Seed:      rapid.Uint64().Draw(rt, "seed"),
			Shuffle:   rapid.Bool().Draw(rt, "shuffle"),
			DropLast:  rapid.Bool().Draw(rt, "drop"),
			Augment:   Augmentation{Pad: rapid.IntRange(0, 2).Draw(rt, "pad"), Flip: rapid.Bool().Draw(rt, "flip")},
		}
		im := fakeImages(n, 2, 2, 1)
		loader := mustLoader(t, im, config)
		epoch := rapid.IntRange(0, 5).Draw(rt, "epoch")
		var seen []int32
		var batch Batch
		for step := range loader.Steps() {
			if err := loader.Batch(epoch, step, &batch); err != nil {
				rt.Fatal(err)
			}
			if len(batch.Pixels) != batch.Size*4 || len(batch.Labels) != batch.Size || len(batch.Indices) != batch.Size {
				rt.Fatalf("sizes disagree: %+v", batch)
			}
			for i, index := range batch.Indices {
				if batch.Labels[i] != im.Labels[index] {
					rt.Fatalf("label of example %d is wrong", index)
				}
			}
			seen = append(seen, batch.Indices...)
		}
		want := n
		if config.DropLast {
			want -= n % config.BatchSize
		}
		slices.Sort(seen)
		if len(seen) != want || len(slices.Compact(seen)) != want {
			rt.Fatalf("%d examples seen, want %d different ones", len(seen), want)
		}
	})
}

// take reads count batches from a global step on and keeps copies.
func take(t testing.TB, loader *Loader, fromStep int64, depth, count int) []Batch {
	t.Helper()
	reader, err := ReadAhead(context.Background(), loader, fromStep, depth)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var got []Batch
	for range count {
		batch, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		kept := *batch
		kept.Pixels, kept.Labels, kept.Indices = slices.Clone(batch.Pixels), slices.Clone(batch.Labels), slices.Clone(batch.Indices)
		got = append(got, kept)
	}
	return got
}

// Two epochs cut into pieces at random steps, each read by a new loader at
// another depth, give the very batches of an uncut run.
func TestReadAheadResumesAnywhere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(rt, "n")
		im := fakeImages(n, 3, 3, 1)
		config := LoaderConfig{
			BatchSize: rapid.IntRange(1, n).Draw(rt, "batch"),
			Seed:      rapid.Uint64().Draw(rt, "seed"),
			Shuffle:   true,
			Augment:   Augmentation{Pad: 2, Flip: true},
		}
		total := 2 * mustLoader(t, im, config).Steps()
		whole := take(t, mustLoader(t, im, config), 0, 1, total)
		var pieces []Batch
		for len(pieces) < total {
			count := rapid.IntRange(1, total-len(pieces)).Draw(rt, "piece")
			depth := rapid.IntRange(1, 5).Draw(rt, "depth")
			pieces = append(pieces, take(t, mustLoader(t, im, config), int64(len(pieces)), depth, count)...)
		}
		if !reflect.DeepEqual(pieces, whole) {
			rt.Fatal("the pieces differ from the whole")
		}
		visits := make([]int, n)
		for _, batch := range pieces {
			for _, index := range batch.Indices {
				visits[index]++
			}
		}
		if !slices.Equal(visits, slices.Repeat([]int{2}, n)) {
			rt.Fatalf("visits in two epochs: %v", visits)
		}
	})
}

func TestReadAheadEnds(t *testing.T) {
	loader := mustLoader(t, fakeImages(9, 2, 2, 1), LoaderConfig{BatchSize: 2})
	_, err := ReadAhead(context.Background(), loader, -1, 1)
	wantError(t, err, "step -1")
	_, err = ReadAhead(context.Background(), loader, 0, 0)
	wantError(t, err, "read 0 batches ahead")

	before := runtime.NumGoroutine()
	for depth := 1; depth < 6; depth++ {
		for taken := range 4 {
			ctx, cancel := context.WithCancel(context.Background())
			reader, err := ReadAhead(ctx, loader, 0, depth)
			if err != nil {
				t.Fatal(err)
			}
			for range taken {
				if _, err := reader.Next(); err != nil {
					t.Fatal(err)
				}
			}
			if taken%2 == 0 {
				cancel()
				if _, err := reader.Next(); !errors.Is(err, context.Canceled) {
					t.Errorf("after cancelling: %v", err)
				}
			} else {
				reader.Close()
				if _, err := reader.Next(); !errors.Is(err, ErrClosed) {
					t.Errorf("after closing: %v", err)
				}
			}
			reader.Close()
			cancel()
		}
	}
	for range 100 { // context goroutines end a little later
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestBatchFromSeveralGoroutines(t *testing.T) {
	loader := mustLoader(t, fakeImages(50, 2, 2, 1), LoaderConfig{BatchSize: 7, Shuffle: true, Seed: 3})
	var want [4]Batch
	for epoch := range want {
		if err := loader.Batch(epoch, 2, &want[epoch]); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for round := range 50 {
				var got Batch
				epoch := (worker + round) % 4
				if err := loader.Batch(epoch, 2, &got); err != nil || !reflect.DeepEqual(got, want[epoch]) {
					t.Errorf("epoch %d differs: %v", epoch, err)
				}
			}
		})
	}
	group.Wait()
}

func TestBatchReusesMemory(t *testing.T) {
	loader := mustLoader(t, fakeImages(64, 8, 8, 3), LoaderConfig{BatchSize: 8, Shuffle: true, Augment: Augmentation{Pad: 2, Flip: true}})
	var batch Batch
	step := 0
	allocations := testing.AllocsPerRun(50, func() {
		if err := loader.Batch(0, step%8, &batch); err != nil {
			t.Error(err)
		}
		step++
	})
	if allocations > 0 {
		t.Errorf("%v allocations a batch", allocations)
	}
}

func BenchmarkBatch(b *testing.B) {
	for name, augment := range map[string]Augmentation{"plain": {}, "augmented": {Pad: 4, Flip: true}} {
		b.Run(name, func(b *testing.B) {
			im := fakeImages(1000, 32, 32, 3)
			loader := mustLoader(b, im, LoaderConfig{BatchSize: 128, Shuffle: true, Augment: augment})
			var batch Batch
			images := 0
			for i := 0; b.Loop(); i++ {
				if err := loader.Batch(0, i%loader.Steps(), &batch); err != nil {
					b.Fatal(err)
				}
				images += batch.Size
			}
			b.ReportMetric(float64(images)/b.Elapsed().Seconds(), "images/s")
		})
	}
}

func BenchmarkOrder(b *testing.B) {
	for b.Loop() {
		Order(1, 2, 50000)
	}
}
