package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// legacyMagic is the pickle that starts a file of torch.save before PyTorch 1.6: PyTorch's magic
// number, 0x1950a86a20f9469cfc6c.
var legacyMagic = []byte("\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")

// legacyVersion is the version of that form.
const legacyVersion = 1001

// parseLegacy reads a file of torch.save as PyTorch wrote it before version 1.6, and still can: the
// pickles of the magic number, the version, the machine, the state dict and the keys of its storages,
// and then of each storage the count of its numbers and the numbers.
func parseLegacy(data []byte) (*File, error) {
	rest, ok := bytes.CutPrefix(data, legacyMagic)
	if !ok {
		return nil, errors.New("a pickle, but none of torch.save: refused")
	}
	u := &unpickler{}
	var values [4]any // version, machine, state dict, keys
	for i := range values {
		var err error
		if values[i], rest, err = u.run(rest); err != nil {
			return nil, err
		}
	}
	if values[0] != int64(legacyVersion) {
		return nil, fmt.Errorf("its version is not %d: save it by a newer PyTorch", legacyVersion)
	}
	if machine, ok := values[1].(*dict); !ok || machine.get("little_endian") != true {
		return nil, errors.New("its numbers are not little-endian: save it on another machine")
	}
	keys, ok := values[3].(*list)
	if !ok || len(keys.items) != len(u.storages) {
		return nil, errors.New("it does not list its storages: it is damaged")
	}
	for _, item := range keys.items {
		key, _ := item.(string)
		s := u.storages[key]
		if s == nil || s.data != nil {
			return nil, errors.New("it does not list its storages: it is damaged")
		}
		size := s.count * s.dtype.Size()
		if len(rest) < 8 || int64(len(rest)-8) < size {
			return nil, fmt.Errorf("it ends in its storage %q: it is cut short", key)
		}
		if count := binary.LittleEndian.Uint64(rest); count != uint64(s.count) {
			return nil, fmt.Errorf("its storage %q has %d numbers, want %d: it is damaged", key, count, s.count)
		}
		s.data, rest = rest[8:8+size:8+size], rest[8+size:]
	}
	if len(rest) > 0 {
		return nil, errors.New("it goes on after its last storage: it is damaged")
	}
	return fromStateDict(values[2])
}
