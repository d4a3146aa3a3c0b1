package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// How much a pickle may take. A state dict of a thousand tensors has some 100 kB.
const (
	maxPickle = 8 << 20 // bytes
	maxStack  = 1 << 16 // values
	maxMarks  = 64      // unfinished dicts, lists and tuples in each other
	maxName   = 256     // bytes of a module's or a global's name
)

// What a pickle can hold besides nil, bool, int64, string, *Tensor and *storage.
type (
	tuple []any
	list  struct{ items []any }
	dict  struct { // keys are strings, each there once
		keys   []string
		values []any
		index  map[string]int
	}
	global string // module.name
)

// get is the value of a key, nil where it is missing.
func (d *dict) get(key string) any {
	if i, ok := d.index[key]; ok {
		return d.values[i]
	}
	return nil
}

func (d *dict) set(key, value any) error {
	name, ok := key.(string)
	if !ok {
		return errors.New("its pickle has a dict whose keys are no strings: refused")
	}
	if _, twice := d.index[name]; twice {
		return fmt.Errorf("its pickle has a dict with the key %q twice: refused", name)
	}
	if d.index == nil {
		d.index = map[string]int{}
	}
	d.index[name] = len(d.keys)
	d.keys, d.values = append(d.keys, name), append(d.values, value)
	return nil
}

// errShort is the error of a pickle that ends before its STOP.
var errShort = fmt.Errorf("its pickle is cut short, or longer than %d bytes", maxPickle)

// errShape is the error of a pickle whose instructions find other values than they need.
var errShape = errors.New("its pickle does not make a dict of tensors: it is damaged, or made by another program")

// unpickler runs pickles. The zero value is ready, and keeps the storages that its pickles name.
type unpickler struct {
	storages map[string]*storage // by key

	data  []byte // what is left of the pickle
	stack []any
	marks []int // heights of the stack
	memo  map[uint32]any
}

// run runs the pickle at the start of data and returns its value and what follows it.
func (u *unpickler) run(data []byte) (value any, rest []byte, err error) {
	u.data, u.stack, u.marks, u.memo = data[:min(len(data), maxPickle)], nil, nil, map[uint32]any{}
	for {
		op, err := u.take(1)
		if err != nil {
			return nil, nil, err
		}
		if op[0] == opStop {
			if len(u.stack) != 1 || len(u.marks) != 0 {
				return nil, nil, errShape
			}
			used := min(len(data), maxPickle) - len(u.data)
			return u.stack[0], data[used:], nil
		}
		run := instructions[op[0]]
		if run == nil {
			return nil, nil, fmt.Errorf("its pickle has the instruction %s, which no dict of tensors needs: refused", opcodeName(op[0]))
		}
		if err := run(u); err != nil {
			return nil, nil, err
		}
		if len(u.stack) > maxStack || len(u.marks) > maxMarks {
			return nil, nil, errors.New("its pickle nests or collects too many values: refused")
		}
	}
}

// take reads n bytes of the pickle.
func (u *unpickler) take(n uint32) ([]byte, error) {
	if uint64(n) > uint64(len(u.data)) {
		return nil, errShort
	}
	taken := u.data[:n]
	u.data = u.data[n:]
	return taken, nil
}

// number reads a little-endian number of up to 4 bytes.
func (u *unpickler) number(bytes uint32) (uint32, error) {
	taken, err := u.take(bytes)
	if err != nil {
		return 0, err
	}
	var padded [4]byte
	copy(padded[:], taken)
	return binary.LittleEndian.Uint32(padded[:]), nil
}

// line reads a name up to the end of its line.
func (u *unpickler) line() (string, error) {
	end := bytes.IndexByte(u.data[:min(len(u.data), maxName+1)], '\n')
	if end < 0 || !utf8.Valid(u.data[:end]) {
		return "", fmt.Errorf("its pickle has a name that does not end or is longer than %d bytes: refused", maxName)
	}
	name := string(u.data[:end])
	u.data = u.data[end+1:]
	return name, nil
}

func (u *unpickler) push(value any) { u.stack = append(u.stack, value) }

// pop takes the last n values from the stack, which must lie above the last mark.
func (u *unpickler) pop(n int) ([]any, error) {
	floor := 0
	if len(u.marks) > 0 {
		floor = u.marks[len(u.marks)-1]
	}
	height := len(u.stack) - n
	if height < floor {
		return nil, errShape
	}
	popped := append([]any(nil), u.stack[height:]...)
	u.stack = u.stack[:height]
	return popped, nil
}

// popMark takes the values above the last mark, and the mark.
func (u *unpickler) popMark() ([]any, error) {
	if len(u.marks) == 0 {
		return nil, errShape
	}
	values, err := u.pop(len(u.stack) - u.marks[len(u.marks)-1])
	u.marks = u.marks[:len(u.marks)-1]
	return values, err
}

// top is the last value, which must be a *dict or a *list as asked.
func top[T any](u *unpickler) (value T, err error) {
	values, err := u.pop(1)
	if err != nil {
		return value, err
	}
	value, ok := values[0].(T)
	if !ok {
		return value, errShape
	}
	u.push(value)
	return value, nil
}
