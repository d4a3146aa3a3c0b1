package data

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kind tells what a data set holds.
type Kind string

// The kinds of data sets.
const (
	KindImages Kind = "images" // labelled images, which Load reads
	KindText   Kind = "text"   // words in order, which LoadText reads
)

// Info describes a data set.
type Info struct {
	// Kind tells what the set holds.
	Kind Kind
	// Name is what Load or LoadText takes, and Fetch.
	Name string
	// Title is the name for people.
	Title string
	// Train and Test are the numbers of images, or of words with the end-of-sentence
	// marks; Validation is likewise of words, and 0 for images, which have no such split.
	Train, Validation, Test int
	// Vocabulary is the number of different words of a text, the end-of-sentence mark
	// included; 0 for images.
	Vocabulary int
	// Height, Width, Channels and Classes are those of Images; 0 for a text.
	Height, Width, Channels, Classes int
	// ClassNames has one name a class, or is nil.
	ClassNames []string
	// Mean and Std, one value a channel, normalise: (pixel - mean) / std, all in
	// pixel values from 0 to 255. Their sources stand beside the constants below.
	Mean, Std []float32
	// Embedded sets are part of the program: no folder, nothing to fetch.
	Embedded bool
}

// Normalisation constants, in pixel values.
//
// CIFAR: those of the published KaFiStO code (the paper prints none), where
// they are written as 125.3/255 and so on.
//
// Fashion-MNIST: the customary 0.2860 and 0.3530 (pixel values over 255), the
// moments of the 60,000 training images; a test recomputes them.
//
// ImageNet 32x32: neither the paper nor its code has any; these are the
// customary ones of ImageNet (pixel values over 255), as torchvision has them.
var (
	cifar10Mean, cifar10Std   = []float32{125.3, 123.0, 113.9}, []float32{63.0, 62.1, 66.7}
	cifar100Mean, cifar100Std = []float32{129.3, 124.1, 112.4}, []float32{68.2, 65.4, 70.4}
	fashionMean, fashionStd   = []float32{0.2860 * 255}, []float32{0.3530 * 255}
	imagenetMean, imagenetStd = []float32{0.485 * 255, 0.456 * 255, 0.406 * 255}, []float32{0.229 * 255, 0.224 * 255, 0.225 * 255}
)

// dataSet is all that the package knows about one set.
type dataSet struct {
	info Info
	// folder is the publisher's folder name; it is looked for in the folder
	// given to Load, and made in the cache by Fetch.
	folder string
	// probes are files of which one's presence tells that a folder holds the
	// set. It may end in ".gz" as well.
	probes []string
	// files must all be in the folder, each of which may end in ".gz" as well.
	files []string
	// load reads images, loadText a text; a set has the one that its kind needs.
	load     func(set *dataSet, dir string) (train, test *Images, err error)
	loadText func(info Info, dir string) (*Text, error)
	// sources are the files to download; none where byHand says how to get them.
	sources []File
	byHand  string
	// members are the files to unpack from the single source, with their exact
	// sizes in bytes; none where the sources are used as they are.
	members []member
}

var dataSets = slices.Concat(imageSets, textSets)

var imageSets = []*dataSet{
	{
		info: fashionInfo("fashion-sample", "Fashion-MNIST sample", sampleTrain, sampleTest, true),
		load: loadSample,
	},
	{
		info:   fashionInfo("fashion-mnist", "Fashion-MNIST", 60000, 10000, false),
		folder: "fashion-mnist", probes: []string{"train-images-idx3-ubyte"},
		load: loadIDX, sources: fashionSources,
	},
	{
		info:   cifarInfo("cifar10", "CIFAR-10", cifar10Names, cifar10Mean, cifar10Std),
		folder: cifar10Folder, probes: cifar10Train[:1],
		load:    cifarLoader(cifar10Layout, cifar10Train, cifar10Test),
		sources: cifar10Sources, members: cifar10Members,
	},
	{
		info:   cifarInfo("cifar100", "CIFAR-100", cifar100FineNames, cifar100Mean, cifar100Std),
		folder: cifar100Folder, probes: cifar100Train[:1],
		load:    cifarLoader(cifar100FineLayout, cifar100Train, cifar100Test),
		sources: cifar100Sources, members: cifar100Members,
	},
	{
		info:   cifarInfo("cifar100-coarse", "CIFAR-100 (coarse labels)", cifar100CoarseNames, cifar100Mean, cifar100Std),
		folder: cifar100Folder, probes: cifar100Train[:1],
		load:    cifarLoader(cifar100CoarseLayout, cifar100Train, cifar100Test),
		sources: cifar100Sources, members: cifar100Members,
	},
	{
		info: Info{Kind: KindImages, Name: "imagenet32", Title: "ImageNet 32x32", Train: 1281167, Test: 50000, Height: cifarSide, Width: cifarSide,
			Channels: 3, Classes: 1000, Mean: imagenetMean, Std: imagenetStd},
		folder: imagenetFolder, probes: inFolders(imagenetTrain[0], imagenetTrainFolders),
		load:   imagenetLoader(imagenetTrain, imagenetTest),
		byHand: imagenetByHand,
	},
}

func fashionInfo(name, title string, train, test int, embedded bool) Info {
	return Info{Kind: KindImages, Name: name, Title: title, Train: train, Test: test, Height: 28, Width: 28, Channels: 1,
		Classes: 10, ClassNames: fashionNames, Mean: fashionMean, Std: fashionStd, Embedded: embedded}
}

func cifarInfo(name, title string, classes []string, mean, std []float32) Info {
	return Info{Kind: KindImages, Name: name, Title: title, Train: 50000, Test: 10000, Height: cifarSide, Width: cifarSide, Channels: 3,
		Classes: len(classes), ClassNames: classes, Mean: mean, Std: std}
}

// Names lists all data sets: images, then texts.
func Names() []string { return append(NamesOf(KindImages), NamesOf(KindText)...) }

// NamesOf lists the data sets of a kind.
func NamesOf(kind Kind) []string {
	var names []string
	for _, set := range dataSets {
		if set.info.Kind == kind {
			names = append(names, set.info.Name)
		}
	}
	return names
}

// Describe returns what is known about a data set before it is loaded.
func Describe(name string) (Info, error) {
	set, err := find(name)
	if err != nil {
		return Info{}, err
	}
	info := set.info // callers may do what they like with the copy's slices
	info.ClassNames, info.Mean, info.Std = slices.Clone(info.ClassNames), slices.Clone(info.Mean), slices.Clone(info.Std)
	return info, nil
}

// Load reads a data set of images by name from the publisher's files in dir, or in the
// publisher's folder inside dir ("cifar-10-batches-bin", "cifar-100-binary",
// "fashion-mnist"). ImageNet 32x32 may also be in "imagenet32" inside dir, and in
// either place in the publisher's two folders, "Imagenet32_train_npz" and
// "Imagenet32_val_npz". An embedded set ignores dir.
//
// The files must have exactly the published number of examples, and both splits
// examples of every class. What Fetch has unpacked must be as it was then. Where
// files are missing the error satisfies errors.Is(err, fs.ErrNotExist).
func Load(name, dir string) (train, test *Images, err error) {
	set, err := findKind(name, KindImages)
	if err != nil {
		return nil, nil, err
	}
	return set.read(dir)
}

// read finds, loads and checks the set.
func (s *dataSet) read(dir string) (train, test *Images, err error) {
	if err := s.info.addressable(); err != nil {
		return nil, nil, err
	}
	if dir, err = s.locate(dir); err != nil {
		return nil, nil, err
	}
	if err := s.checkUnpacked(dir); err != nil {
		return nil, nil, err
	}
	if train, test, err = s.load(s, dir); err != nil {
		return nil, nil, err
	}
	if err := train.everyClass("training", dir); err != nil {
		return nil, nil, err
	}
	if err := test.everyClass("held-out", dir); err != nil {
		return nil, nil, err
	}
	return train, test, nil
}

// addressable refuses a set whose pixels a program for 32 bits cannot number.
func (info Info) addressable() error {
	if size := info.Height * info.Width * info.Channels; max(info.Train, info.Test) > math.MaxInt/size {
		return fmt.Errorf("data: %s: %d images of %d bytes are more than a %d-bit program can hold: use one for 64 bits",
			info.Name, max(info.Train, info.Test), size, strconv.IntSize)
	}
	return nil
}

func find(name string) (*dataSet, error) {
	for _, set := range dataSets {
		if set.info.Name == name {
			return set, nil
		}
	}
	return nil, fmt.Errorf("data: no data set is named %q: take one of %s", name, strings.Join(Names(), ", "))
}

// findKind finds a set that must be of a kind.
func findKind(name string, kind Kind) (*dataSet, error) {
	set, err := find(name)
	if err == nil && set.info.Kind != kind {
		return nil, fmt.Errorf("data: the data set %s holds %s, not %s: take one of %s",
			name, set.info.Kind, kind, strings.Join(NamesOf(kind), ", "))
	}
	return set, err
}

// newImages builds a checked set of the kind info describes.
func newImages(info Info, pixels []byte, labels []int32) (*Images, error) {
	im := &Images{Name: info.Name, Height: info.Height, Width: info.Width, Channels: info.Channels,
		Classes: info.Classes, ClassNames: slices.Clone(info.ClassNames), Pixels: pixels, Labels: labels}
	if err := im.Validate(); err != nil {
		return nil, err
	}
	return im, nil
}
