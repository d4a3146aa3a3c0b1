package data

import (
	"fmt"
	"slices"
)

// source is a file to download. Its size and SHA-256 are pinned.
type source struct {
	url    string
	file   string // name in the cache
	size   int64  // bytes
	sha256 string // lower-case hexadecimal
}

// member is a file to unpack from an archive.
type member struct {
	file string // name in the set's folder; in the archive, it lies in a folder of that name
	size int64  // bytes, exactly
}

const (
	cifar10Folder  = "cifar-10-batches-bin"
	cifar100Folder = "cifar-100-binary"
)

var (
	cifar10Train = []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"}
	cifar10Test  = []string{"test_batch.bin"}

	cifar100Train = []string{"train.bin"}
	cifar100Test  = []string{"test.bin"}
)

// Sizes and SHA-256 sums are those that TensorFlow Datasets pins for the same
// addresses (its url_checksums folder). Those of Fashion-MNIST were checked: the
// set's contents under the publisher's gzip headers have these sums. Those of
// the CIFAR archives were not, for want of the archives.
//
// Fashion-MNIST's publisher serves plain HTTP only; the sums make that safe.
var (
	cifar10Sources = []source{{
		url:  "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
		file: "cifar-10-binary.tar.gz", size: 170052171,
		sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
	}}
	cifar100Sources = []source{{
		url:  "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
		file: "cifar-100-binary.tar.gz", size: 168513733,
		sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
	}}
	fashionSources = []source{
		fashionSource("train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
		fashionSource("train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
		fashionSource("t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
		fashionSource("t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
	}

	cifar10Members  = cifarMembers(cifar10Layout, 10000, slices.Concat(cifar10Train, cifar10Test))
	cifar100Members = slices.Concat(cifarMembers(cifar100FineLayout, 50000, cifar100Train), cifarMembers(cifar100FineLayout, 10000, cifar100Test))
)

func fashionSource(file string, size int64, sum string) source {
	return source{url: fmt.Sprintf("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/%s", file), file: file, size: size, sha256: sum}
}

// cifarMembers lists files of records examples each.
func cifarMembers(layout cifarLayout, records int, files []string) []member {
	var members []member
	for _, file := range files {
		members = append(members, member{file: file, size: int64(records) * int64(layout.record())})
	}
	return members
}
