package weights

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/alloctest"
)

// header is an entry of a made archive. Its size and method may be lies.
type header struct {
	name   string
	method uint16
	size   int // 0: as the content
	data   string
}

// archive makes a zip file without checking its entries.
func archive(t testing.TB, entries ...header) []byte {
	t.Helper()
	var file bytes.Buffer
	w := zip.NewWriter(&file)
	for _, e := range entries {
		size := len(e.data)
		if e.size != 0 {
			size = e.size
		}
		raw, err := w.CreateRaw(&zip.FileHeader{
			Name: e.name, Method: e.method, CRC32: crc32.ChecksumIEEE([]byte(e.data)),
			CompressedSize64: uint64(len(e.data)), UncompressedSize64: uint64(size),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw.Write([]byte(e.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// pickled makes an archive of a pickle and a storage "0" of two numbers.
func pickled(t testing.TB, pickle string) []byte {
	return archive(t, header{name: "a/data.pkl", data: pickle}, header{name: "a/data/0", data: "\x00\x00\x80\x3f\x00\x00\x00\x40"})
}

// short is a string in a pickle.
func short(text string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(text)))) + text
}

// tensorPickle is the pickle of {"w": tensor}, with that count of numbers in storage 0 and these
// instructions for offset, shape and strides.
func tensorPickle(count int, view string) string {
	return "\x80\x02}" + short("w") + "ctorch._utils\n_rebuild_tensor_v2\n((" + short("storage") + "ctorch\nFloatStorage\n" +
		short("0") + short("cpu") + "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(count))) + "tQ" + view + "\x89}tRs."
}

func TestMadePickle(t *testing.T) {
	f, err := parse(pickled(t, tensorPickle(2, "K\x00K\x02\x85K\x01\x85")))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Float32("w", 2); err != nil || got[0] != 1 || got[1] != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

// hostile are files that are refused, with a part of the sentence that says why.
func hostile(t testing.TB) map[string]struct {
	file []byte
	says string
} {
	call := "\x80\x02cposix\nsystem\n" + short("touch EXECUTED") + "\x85R."
	big := string(binary.LittleEndian.AppendUint32(nil, 1<<31-1))
	good := pickled(t, tensorPickle(2, "K\x00K\x02\x85K\x01\x85"))
	read := func(name string) []byte {
		file, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	damaged := bytes.Clone(good)
	damaged[bytes.Index(damaged, []byte("\x80\x3f\x00\x00"))] = 0
	type hostileFile = struct {
		file []byte
		says string
	}
	return map[string]hostileFile{
		"torch.save's, calls os.system": {read("evil.pth"), `asks for "posix.system"`},
		"calls os.system":               {pickled(t, call), `asks for "posix.system"`},
		"legacy, calls os.system":       {append(bytes.Clone(legacyMagic), call...), `asks for "posix.system"`},
		"bare pickle":                   {[]byte(call), "none of torch.save"},
		"eval":                          {pickled(t, "\x80\x02c__builtin__\neval\n."), `"__builtin__.eval"`},
		"by stack":                      {pickled(t, "\x80\x02"+short("posix")+short("system")+"\x93."), "STACK_GLOBAL"},
		"INST":                          {pickled(t, "\x80\x02(iposix\nsystem\n."), "INST"},
		"NEWOBJ":                        {pickled(t, "\x80\x02ccollections\nOrderedDict\n)\x81."), "NEWOBJ"},
		"unknown instruction":           {pickled(t, "\x80\x02\xff."), "0xff"},
		"protocol 4":                    {pickled(t, "\x80\x04}."), "protocol 4"},
		"calls what is no function":     {pickled(t, "\x80\x02K\x01)R."), "does not make a dict"},
		"OrderedDict of something":      {pickled(t, "\x80\x02ccollections\nOrderedDict\n]\x85R."), "does not make a dict"},
		"sets attributes of a name":     {pickled(t, "\x80\x02ccollections\nOrderedDict\n}b."), "does not make a dict"},
		"no dict":                       {pickled(t, "\x80\x02]."), "no dict of tensors"},
		"no tensor":                     {pickled(t, "\x80\x02}"+short("epoch")+"K\x03s."), `"epoch" is no tensor`},
		"number as key":                 {pickled(t, "\x80\x02}K\x01K\x03s."), "no strings"},
		"key twice":                     {pickled(t, "\x80\x02}("+short("a")+"N"+short("a")+"Nu."), "twice"},
		"empty stack":                   {pickled(t, "\x80\x02s."), "does not make a dict"},
		"below the mark":                {pickled(t, "\x80\x02}K\x01(s."), "does not make a dict"},
		"never put":                     {pickled(t, "\x80\x02h\x07."), "does not make a dict"},
		"mark left":                     {pickled(t, "\x80\x02}(."), "does not make a dict"},
		"deep":                          {pickled(t, "\x80\x02"+strings.Repeat("(", maxMarks+1)), "nests"},
		"wide":                          {pickled(t, "\x80\x02"+strings.Repeat("N", maxStack+1)), "nests or collects"},
		"no end":                        {pickled(t, "\x80\x02}"), "cut short"},
		"long string":                   {pickled(t, "\x80\x02X\xff\xff\xff\xffabc"), "cut short"},
		"long number":                   {pickled(t, "\x80\x02\x8a\xff1."), "255 bytes"},
		"long name":                     {pickled(t, "\x80\x02c"+strings.Repeat("a", 300)+"\n\n."), "longer than 256"},
		"goes on":                       {pickled(t, "\x80\x02}.."), "goes on"},
		"beyond the storage":            {pickled(t, tensorPickle(2, "K\x01K\x02\x85K\x01\x85")), "does not lie in its storage"},
		"negative stride":               {pickled(t, tensorPickle(2, "K\x01K\x02\x85J\xff\xff\xff\xff\x85")), "does not lie in its storage"},
		"negative offset":               {pickled(t, tensorPickle(2, "J\xff\xff\xff\xffK\x01\x85K\x01\x85")), "does not lie in its storage"},
		"repeats its numbers":           {pickled(t, tensorPickle(2, "K\x00J"+big+"\x85K\x00\x85")), "does not lie in its storage"},
		"overflow":                      {pickled(t, tensorPickle(2, "K\x00J"+big+"J"+big+"J"+big+"\x87K\x00K\x00K\x00\x87")), "does not lie in its storage"},
		"strides missing":               {pickled(t, tensorPickle(2, "K\x00K\x02\x85)")), "axes"},
		"storage too large":             {pickled(t, tensorPickle(1<<31-1, "K\x00K\x02\x85K\x01\x85")), "has 8 bytes, want"},
		"storage of negative size":      {pickled(t, tensorPickle(-1, "K\x00K\x02\x85K\x01\x85")), "claims -1 numbers"},
		"storage missing":               {archive(t, header{name: "a/data.pkl", data: tensorPickle(2, "K\x00K\x02\x85K\x01\x85")}), `no "a/data/0"`},
		"damaged storage":               {damaged, "checksum"},
		"leads outside":                 {archive(t, header{name: "a/data.pkl", data: "\x80\x02}."}, header{name: "../../x"}), "leads outside"},
		"inside, then outside":          {archive(t, header{name: "a/data.pkl", data: "\x80\x02}."}, header{name: "a/../../x"}), "leads outside"},
		"absolute":                      {archive(t, header{name: "/etc/x"}), "leads outside"},
		"backslash":                     {archive(t, header{name: `..\x`}), "leads outside"},
		"compressed":                    {archive(t, header{name: "a/data.pkl", method: zip.Deflate, data: "x"}), "compressed"},
		"bomb":                          {archive(t, header{name: "a/data.pkl", size: 1 << 40, data: "x"}), "compressed"},
		"entry twice":                   {archive(t, header{name: "a/x"}, header{name: "a/x"}), "twice"},
		"two pickles":                   {archive(t, header{name: "a/data.pkl"}, header{name: "b/data.pkl"}), "two files"},
		"no pickle":                     {archive(t, header{name: "a/x"}), "no data.pkl"},
		"big-endian":                    {archive(t, header{name: "a/data.pkl"}, header{name: "a/byteorder", data: "big"}), "endian"},
		"cut short":                     {good[:len(good)-30], "cut short"},
		"legacy, cut short":             {read("legacy.pth")[:len(read("legacy.pth"))-1], "cut short"},
		"legacy, goes on":               {append(read("legacy.pth"), 0), "goes on"},
		"oversized header":              {append(binary.LittleEndian.AppendUint64(nil, 1<<62), "{}"...), "claims"},
		"header beyond the file":        {append(binary.LittleEndian.AppendUint64(nil, 1000), "{}"...), "claims"},
		"empty":                         {nil, "too short"},
		"text":                          {[]byte("<html>not found</html>"), "neither"},
	}
}

// TestHostileFiles: each is refused in one sentence, nothing is executed, nothing is written.
func TestHostileFiles(t *testing.T) {
	files := hostile(t)
	folder := t.TempDir()
	t.Chdir(folder)
	for name, c := range files {
		if err := os.WriteFile("weights.pth", c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read("weights.pth")
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		if text := err.Error(); !strings.Contains(text, c.says) || !strings.HasPrefix(text, "weights: weights.pth: ") || strings.Contains(text, "\n") {
			t.Errorf("%s: %s", name, text)
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	if _, err := Read(folder); err == nil {
		t.Error("a folder was read")
	}
	if _, err := Read("missing.pth"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestCutShort cuts PyTorch's files at every place.
func TestCutShort(t *testing.T) {
	for _, name := range []string{"zip.pth", "legacy.pth"} {
		file, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for i := range file {
			if _, err := parse(file[:i]); err == nil {
				t.Errorf("%s cut to %d bytes: taken", name, i)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range hostile(f) {
		if len(c.file) < 1<<14 {
			f.Add(c.file)
		}
	}
	for _, name := range []string{"zip.pth", "legacy.pth"} {
		file, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkParse(t, data) })
}

// FuzzPickle puts the pickle into an archive, past the archive's checksums.
func FuzzPickle(f *testing.F) {
	f.Add(tensorPickle(2, "K\x00K\x02\x85K\x01\x85"))
	f.Add(tensorPickle(2, "K\x01K\x01K\x01\x86K\x01K\x07\x86"))
	f.Add("\x80\x02ccollections\nOrderedDict\n)Rq\x00(" + short("a") + "h\x00u}b.")
	f.Add(manyTensors(20))
	f.Fuzz(func(t *testing.T, pickle string) { checkParse(t, pickled(t, pickle)) })
}

// manyTensors is a pickle that makes a tensor of as many axes as may be again and
// again, six bytes each, and collects them: what takes the most memory of a file.
func manyTensors(n int) string {
	axes := "(" + strings.Repeat("J\xff\xff\xff\x7f", maxRank-1) + "K\x00t"
	strides := "(" + strings.Repeat("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", maxRank) + "t"
	return "\x80\x02]ctorch._utils\n_rebuild_tensor_v2\nq\x00((" + short("storage") + "ctorch\nFloatStorage\n" +
		short("0") + short("cpu") + "K\x02tQK\x00" + axes + strides + "\x89}tq\x01R" + strings.Repeat("ah\x00h\x01R", n) + "a."
}

// TestManyTensorsTakeLittle: the message for a tensor that is refused is not made for
// those that are not.
func TestManyTensorsTakeLittle(t *testing.T) {
	_, err := parse(pickled(t, manyTensors(1000)))
	if err == nil || !strings.Contains(err.Error(), "no dict of tensors") {
		t.Fatalf("%v", err)
	}
	checkParse(t, pickled(t, manyTensors(50000)))
}

// checkParse parses a file and takes all of its numbers: that may fail, but not panic, nor take more
// memory than some multiple of the file.
func checkParse(t *testing.T, data []byte) {
	var file *File
	var err error
	alloctest.Within(t, 1<<20+128*len(data), func() { file, err = parse(data) })
	if err != nil {
		return
	}
	for _, name := range file.Names() {
		tensor := file.Tensor(name)
		if values, err := tensor.Float32(); err == nil && len(values) > len(data) {
			t.Fatalf("%d values from a file of %d bytes", len(values), len(data))
		}
		_ = fmt.Sprint(tensor.Shape(), tensor.DType())
	}
}
