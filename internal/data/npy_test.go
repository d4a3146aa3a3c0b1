package data

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/alloctest"
)

// npyText is the text of a head as NumPy writes it.
func npyText(kind, order, shape string) string {
	return fmt.Sprintf("{'descr': %s, 'fortran_order': %s, 'shape': %s, }", kind, order, shape)
}

// npyHead puts magic, version and length before the text, and pads it as NumPy
// does, to 128 bytes where it fits.
func npyHead(text string) []byte {
	text += strings.Repeat(" ", max(0, 117-len(text))) + "\n"
	head := append([]byte("\x93NUMPY\x01\x00"), byte(len(text)), byte(len(text)>>8))
	return append(head, text...)
}

// npyArray is a whole array in the order of C.
func npyArray(kind, shape string, values []byte) []byte {
	return append(npyHead(npyText(kind, "False", shape)), values...)
}

func TestNPYHeader(t *testing.T) {
	plain := npyHead(npyText("'|u1'", "False", "(2, 3072)"))
	if string(plain) != "\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3072), }"+strings.Repeat(" ", 55)+"\n" {
		t.Fatalf("the tests' heads are not NumPy's: %q", plain) // this one is what NumPy 2.4 writes
	}
	second := slices.Concat([]byte("\x93NUMPY\x02\x00v\x00\x00\x00"), plain[10:])
	for _, c := range []struct {
		head []byte
		want npyHeader
	}{
		{plain, npyHeader{"'|u1'", []int{2, 3072}, false, 128}},
		{second, npyHeader{"'|u1'", []int{2, 3072}, false, 130}},
		{npyHead(npyText("'<i8'", "False", "(7,)")), npyHeader{"'<i8'", []int{7}, false, 128}},
		{npyHead(npyText("'<f4'", "True", "(2, 3)")), npyHeader{"'<f4'", []int{2, 3}, true, 128}},
		{npyHead(npyText("'|b1'", "False", "()")), npyHeader{"'|b1'", nil, false, 128}},
		{npyHead(npyText("'|u1'", "False", "(0, 3)")), npyHeader{"'|u1'", []int{0, 3}, false, 128}},
	} {
		r := bytes.NewReader(append(slices.Clone(c.head), "values"...))
		got, err := readNPYHeader(r)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%q: got %v, %v, want %v", c.head, got, err, c.want)
		}
		if rest, _ := io.ReadAll(r); string(rest) != "values" {
			t.Errorf("%q: %q follows", c.head, rest)
		}
	}
}

func TestNPYHeaderBadInput(t *testing.T) {
	good := npyHead(npyText("'|u1'", "False", "(2, 3072)"))
	spoiled := func(at int, b byte) []byte { c := slices.Clone(good); c[at] = b; return c }
	for name, c := range map[string]struct {
		head []byte
		word string
	}{
		"empty":            {nil, "EOF"},
		"magic cut":        {good[:7], "EOF"},
		"length cut":       {good[:9], "EOF"},
		"text cut":         {good[:100], "EOF"},
		"magic":            {spoiled(0, 'P'), "does not start"},
		"version 3":        {append([]byte("\x93NUMPY\x03\x00v\x00\x00\x00"), good[10:]...), "version"},
		"version 0":        {spoiled(6, 0), "version"},
		"long":             {spoiled(9, 0x10), "more than 4096"},
		"no line's end":    {spoiled(len(good)-1, ' '), "damaged"}, // npyio panics
		"no closing brace": {npyHead("{'descr': '|u1', 'fortran_order': False, 'shape': (2,),"), "damaged"},
		"keys turned":      {npyHead("{'shape': (2,), 'fortran_order': False, 'descr': '|u1', }"), "damaged"},
		"no shape":         {npyHead("{'descr': '|u1', 'fortran_order': False, }"), "damaged"},
		"order":            {npyHead(npyText("'|u1'", "Maybe", "(2,)")), "damaged"},
		"words for shape":  {npyHead(npyText("'|u1'", "False", "(two,)")), "damaged"},
		"two lines":        {npyHead(npyText("'|u1'", "\n", "(2,)")), "byte 0x0a"},
		"negative":         {npyHead(npyText("'|u1'", "False", "(2, -3)")), "dimension 1 as -3"},
		"beyond int":       {npyHead(npyText("'|u1'", "False", "(99999999999999999999,)")), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := readNPYHeader(bytes.NewReader(c.head)); err == nil || !strings.Contains(err.Error(), c.word) {
				t.Errorf("got %v and error %v, want one with %q", got, err, c.word)
			}
		})
	}
}

// A head may claim gigabytes of text.
func TestNPYHeaderMemoryIsBounded(t *testing.T) {
	head := []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'")
	if got := allocated(func() { readNPYHeader(bytes.NewReader(head)) }); got > 1<<18 {
		t.Errorf("%d bytes allocated for a head of %d", got, len(head))
	}
}

func TestNPYIntegers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := rapid.Int64().Draw(rt, "v")
		size := rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(rt, "size")
		signed, big := rapid.Bool().Draw(rt, "signed"), rapid.Bool().Draw(rt, "big")
		kind, b := "'<", binary.LittleEndian.AppendUint64(nil, uint64(v))[:size]
		if big {
			kind, b = "'>", binary.BigEndian.AppendUint64(nil, uint64(v))[8-size:]
		}
		want := map[int]int64{1: int64(uint8(v)), 2: int64(uint16(v)), 4: int64(uint32(v)), 8: v}[size]
		letter := "u"
		if signed {
			letter = "i"
			want = map[int]int64{1: int64(int8(v)), 2: int64(int16(v)), 4: int64(int32(v)), 8: v}[size]
		}
		integer, err := parseNPYInteger(fmt.Sprintf("%s%s%d'", kind, letter, size))
		if err != nil || integer.size != size || integer.value(b) != want {
			rt.Fatalf("%+v (%v) reads % x as %d, want %d", integer, err, b, integer.value(b), want)
		}
	})
	for _, kind := range []string{"", "'<f8'", "'<i3'", "'<i0'", "'=i8'", "'<i8", "<i8", "'|O'", "'<U12'", "[('a', '<i8')]", "'|u:'"} {
		if got, err := parseNPYInteger(kind); err == nil {
			t.Errorf("%s taken for %+v", kind, got)
		}
	}
}

func FuzzNPYHeader(f *testing.F) {
	f.Add(npyHead(npyText("'|u1'", "False", "(2, 3072)")))
	f.Add(npyHead(npyText("'<i8'", "True", "()")))
	f.Add([]byte("\x93NUMPY\x02\x00\x02\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, file []byte) {
		var header npyHeader
		var err error
		alloctest.Within(t, 1<<20, func() { header, err = readNPYHeader(bytes.NewReader(file)) })
		if err != nil {
			return
		}
		if header.bytes < 10 || header.bytes > int64(len(file)) || header.bytes > maxNPYHeader+12 {
			t.Fatalf("a head of %d bytes in a file of %d", header.bytes, len(file))
		}
		if slices.ContainsFunc(header.shape, func(d int) bool { return d < 0 }) {
			t.Fatalf("shape %v", header.shape)
		}
	})
}
