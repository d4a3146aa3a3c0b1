package weights

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"

	"github.com/kafisto/kafisto/internal/inputfile"
)

// maxEntries is how many entries an archive may have.
const maxEntries = 1 << 16

// parseZip reads an archive of torch.save: ROOT/data.pkl is the state dict, ROOT/data/KEY the numbers
// of a storage, ROOT/byteorder their order.
func parseZip(data []byte) (*File, error) {
	entries, err := stored(data)
	if err != nil {
		return nil, err
	}
	root, err := archiveRoot(entries)
	if err != nil {
		return nil, err
	}
	pickle, err := content(entries, root+"/data.pkl")
	if err != nil {
		return nil, err
	}
	if entries[root+"/byteorder"] != nil {
		if order, err := content(entries, root+"/byteorder"); err != nil || string(order) != "little" {
			return nil, fmt.Errorf("its numbers are %q-endian, want little: save it on another machine", order[:min(len(order), 20)])
		}
	}
	u := &unpickler{}
	value, rest, err := u.run(pickle)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, errors.New("its pickle goes on after its end: it is damaged")
	}
	for key, s := range u.storages {
		if s.data, err = content(entries, root+"/data/"+key); err != nil {
			return nil, err
		}
		if want := s.count * s.dtype.Size(); int64(len(s.data)) != want {
			return nil, fmt.Errorf("its storage %q has %d bytes, want %d: it is damaged", key, len(s.data), want)
		}
	}
	return fromStateDict(value)
}

// entry is an entry of an archive: its bytes, and what their checksum must be.
type entry struct {
	data []byte
	sum  uint32
}

// stored finds the entries of an archive in its bytes. It refuses compressed ones, which torch.save
// does not write.
func stored(data []byte) (map[string]*entry, error) {
	archive, err := inputfile.Zip(bytes.NewReader(data), int64(len(data)), maxEntries)
	if err != nil {
		return nil, fmt.Errorf("not a whole zip archive of at most %d entries (%w): it is cut short or damaged", maxEntries, err)
	}
	entries := map[string]*entry{}
	left := uint64(len(data))
	for _, file := range archive.File {
		size := file.UncompressedSize64
		start, err := file.DataOffset()
		switch {
		case strings.ContainsAny(file.Name, "\\\x00") || !filepath.IsLocal(filepath.FromSlash(file.Name)) || !file.Mode().IsRegular():
			return nil, fmt.Errorf("its archive's entry %q leads outside or is no file: refused", file.Name)
		case file.Method != zip.Store || file.CompressedSize64 != size:
			return nil, fmt.Errorf("its archive's entry %q is compressed, which torch.save never does: refused", file.Name)
		case entries[file.Name] != nil:
			return nil, fmt.Errorf("its archive has the entry %q twice: refused", file.Name)
		case err != nil || size > left || uint64(start) > uint64(len(data))-size:
			return nil, fmt.Errorf("its archive's entry %q does not lie in the file: it is damaged", file.Name)
		}
		left -= size
		entries[file.Name] = &entry{data[start : uint64(start)+size], file.CRC32}
	}
	return entries, nil
}

// archiveRoot is the folder of an archive that all else is in.
func archiveRoot(entries map[string]*entry) (string, error) {
	root := ""
	for name := range entries {
		if folder, ok := strings.CutSuffix(name, "/data.pkl"); ok && !strings.Contains(folder, "/") {
			if root != "" {
				return "", errors.New("its archive has two files data.pkl: refused")
			}
			root = folder
		}
	}
	if root == "" {
		return "", errors.New("its archive holds no data.pkl: torch.save has not written it")
	}
	return root, nil
}

// content is what an entry holds, checked against its checksum.
func content(entries map[string]*entry, name string) ([]byte, error) {
	e := entries[name]
	if e == nil {
		return nil, fmt.Errorf("its archive holds no %q: it is damaged", name)
	}
	if crc32.ChecksumIEEE(e.data) != e.sum {
		return nil, fmt.Errorf("its archive's entry %q is damaged (its checksum is another)", name)
	}
	return e.data, nil
}
