package weights

import (
	"fmt"
	"unicode/utf8"
)

// The instructions that torch.save writes, all of pickle's protocol 2.
const (
	opProto, opStop, opMark                  = 0x80, '.', '('
	opNone, opTrue, opFalse                  = 'N', 0x88, 0x89
	opInt, opInt1, opInt2, opLong1           = 'J', 'K', 'M', 0x8a
	opString                                 = 'X'
	opEmptyTuple, opTuple                    = ')', 't'
	opTuple1, opTuple2, opTuple3             = 0x85, 0x86, 0x87
	opEmptyList, opAppend, opAppends         = ']', 'a', 'e'
	opEmptyDict, opSetItem, opSetItems       = '}', 's', 'u'
	opPut, opLongPut, opGet, opLongGet       = 'q', 'r', 'h', 'j'
	opGlobal, opReduce, opBuild, opPersistID = 'c', 'R', 'b', 'Q'
)

// otherOpcodes are the names of instructions that are refused.
var otherOpcodes = map[byte]string{
	'0': "POP", '1': "POP_MARK", '2': "DUP", 'F': "FLOAT", 'I': "INT", 'L': "LONG", 'P': "PERSID", 'S': "STRING",
	'T': "BINSTRING", 'U': "SHORT_BINSTRING", 'V': "UNICODE", 'd': "DICT", 'g': "GET", 'i': "INST", 'l': "LIST",
	'o': "OBJ", 'p': "PUT", 'G': "BINFLOAT", 0x81: "NEWOBJ", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", 0x8b: "LONG4",
	'B': "BINBYTES", 'C': "SHORT_BINBYTES", 0x8c: "SHORT_BINUNICODE", 0x8d: "BINUNICODE8", 0x8e: "BINBYTES8",
	0x8f: "EMPTY_SET", 0x90: "ADDITEMS", 0x91: "FROZENSET", 0x92: "NEWOBJ_EX", 0x93: "STACK_GLOBAL", 0x94: "MEMOIZE",
	0x95: "FRAME", 0x96: "BYTEARRAY8", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER",
}

func opcodeName(op byte) string {
	if name := otherOpcodes[op]; name != "" {
		return name
	}
	return fmt.Sprintf("%#02x", op)
}

// instructions do what an instruction says, by its byte.
var instructions = map[byte]func(u *unpickler) error{
	opProto: func(u *unpickler) error {
		version, err := u.number(1)
		if err == nil && version != 2 {
			err = fmt.Errorf("its pickle is of protocol %d, want 2: save it by torch.save with its own settings", version)
		}
		return err
	},
	opMark: func(u *unpickler) error { u.marks = append(u.marks, len(u.stack)); return nil },

	opNone:  func(u *unpickler) error { u.push(nil); return nil },
	opTrue:  func(u *unpickler) error { u.push(true); return nil },
	opFalse: func(u *unpickler) error { u.push(false); return nil },
	opInt: func(u *unpickler) error {
		n, err := u.number(4)
		u.push(int64(int32(n)))
		return err
	},
	opInt1:   func(u *unpickler) error { return u.unsigned(1) },
	opInt2:   func(u *unpickler) error { return u.unsigned(2) },
	opLong1:  (*unpickler).long,
	opString: (*unpickler).text,

	opEmptyTuple: func(u *unpickler) error { u.push(tuple(nil)); return nil },
	opTuple1:     func(u *unpickler) error { return u.tuple(u.pop(1)) },
	opTuple2:     func(u *unpickler) error { return u.tuple(u.pop(2)) },
	opTuple3:     func(u *unpickler) error { return u.tuple(u.pop(3)) },
	opTuple:      func(u *unpickler) error { return u.tuple(u.popMark()) },

	opEmptyList: func(u *unpickler) error { u.push(&list{}); return nil },
	opAppend:    func(u *unpickler) error { return u.appendItems(u.pop(1)) },
	opAppends:   func(u *unpickler) error { return u.appendItems(u.popMark()) },

	opEmptyDict: func(u *unpickler) error { u.push(&dict{}); return nil },
	opSetItem:   func(u *unpickler) error { return u.setItems(u.pop(2)) },
	opSetItems:  func(u *unpickler) error { return u.setItems(u.popMark()) },

	opPut:     func(u *unpickler) error { return u.put(1) },
	opLongPut: func(u *unpickler) error { return u.put(4) },
	opGet:     func(u *unpickler) error { return u.get(1) },
	opLongGet: func(u *unpickler) error { return u.get(4) },

	opGlobal:    (*unpickler).global,
	opReduce:    (*unpickler).reduce,
	opBuild:     (*unpickler).build,
	opPersistID: (*unpickler).persistent,
}

// unsigned pushes a number of so many bytes.
func (u *unpickler) unsigned(bytes uint32) error {
	n, err := u.number(bytes)
	u.push(int64(n))
	return err
}

// long pushes a whole number of up to 8 bytes in two's complement.
func (u *unpickler) long() error {
	size, err := u.number(1)
	if err != nil {
		return err
	}
	if size > 8 {
		return fmt.Errorf("its pickle has a number of %d bytes, at most 8 are read: refused", size)
	}
	digits, err := u.take(size)
	if err != nil {
		return err
	}
	var n uint64
	for i, digit := range digits {
		n |= uint64(digit) << (8 * i)
	}
	unused := 64 - 8*size
	u.push(int64(n<<unused) >> unused)
	return nil
}

// text pushes a string.
func (u *unpickler) text() error {
	size, err := u.number(4)
	if err != nil {
		return err
	}
	text, err := u.take(size)
	if err != nil {
		return err
	}
	if !utf8.Valid(text) {
		return errShape
	}
	u.push(string(text))
	return nil
}

func (u *unpickler) tuple(values []any, err error) error {
	u.push(tuple(values))
	return err
}

func (u *unpickler) appendItems(values []any, err error) error {
	if err != nil {
		return err
	}
	l, err := top[*list](u)
	if err != nil {
		return err
	}
	l.items = append(l.items, values...)
	return nil
}

// setItems takes keys and values in turn.
func (u *unpickler) setItems(values []any, err error) error {
	if err != nil {
		return err
	}
	d, err := top[*dict](u)
	if err != nil {
		return err
	}
	if len(values)%2 != 0 {
		return errShape
	}
	for i := 0; i < len(values); i += 2 {
		if err := d.set(values[i], values[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// put keeps the last value under a number.
func (u *unpickler) put(bytes uint32) error {
	key, err := u.number(bytes)
	if err != nil {
		return err
	}
	value, err := u.pop(1)
	if err != nil {
		return err
	}
	u.push(value[0])
	u.memo[key] = value[0]
	return nil
}

// get pushes what is kept under a number.
func (u *unpickler) get(bytes uint32) error {
	key, err := u.number(bytes)
	if err != nil {
		return err
	}
	value, ok := u.memo[key]
	if !ok {
		return errShape
	}
	u.push(value)
	return nil
}
