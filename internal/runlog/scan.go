package runlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxLine is the most bytes a line of a log may have, newline included.
const maxLine = 1 << 20

// line is one line of a log.
type line struct {
	text   []byte // as it stands in the file; valid until the next line is read
	record any    // *Start, *Step, *Eval or *End
}

// scan calls each for every line of r in order; empty ones are passed over. A
// last line that is cut off, as a crash leaves it, is not an error: torn says
// that there was one. The error of a wrong line has its number.
func scan(r io.Reader, each func(line) error) (torn bool, err error) {
	in := bufio.NewReaderSize(r, maxLine)
	var last int64 // the last training step seen
	for number := 1; ; number++ {
		text, err := in.ReadSlice('\n')
		end := err == io.EOF
		switch {
		case err == bufio.ErrBufferFull && startsTorn(text) && onlyZeros(in):
			return true, nil
		case err == bufio.ErrBufferFull:
			return false, fmt.Errorf("line %d is longer than %d bytes, which is no run log: put back a copy of the log, or start again in another folder", number, maxLine)
		case err != nil && !end:
			return false, err
		}
		if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 {
			record, err := decode(trimmed)
			if end && errors.Is(err, errNotJSON) && isTorn(trimmed) {
				return true, nil
			}
			if step, ok := record.(*Step); ok && err == nil {
				if step.Step <= last {
					err = fmt.Errorf("step %d comes after step %d", step.Step, last)
				}
				last = step.Step
			}
			if err != nil {
				return false, fmt.Errorf("line %d: %w", number, err)
			}
			if err := each(line{text, record}); err != nil {
				return false, err
			}
		}
		if end {
			return false, nil
		}
	}
}

// isTorn tells the beginning of a record, or the zeros that a power cut leaves,
// from the last line of a file that never was a log.
func isTorn(text []byte) bool {
	const beginning = `{"type":"`
	n := min(len(text), len(beginning))
	return text[0] == 0 || string(text[:n]) == beginning[:n]
}

// startsTorn tells whether text may be the beginning of a torn line that is longer
// than a line may be: nothing, or the beginning of a record, and then zeros.
func startsTorn(text []byte) bool {
	record := bytes.TrimRight(text, "\x00")
	return len(record) < len(text) && (len(record) == 0 || isTorn(record))
}

// onlyZeros reads to the end and tells whether there is nothing but zeros.
func onlyZeros(in *bufio.Reader) bool {
	for {
		text, err := in.ReadSlice('\n')
		if len(bytes.TrimRight(text, "\x00")) > 0 {
			return false
		}
		if err != nil && err != bufio.ErrBufferFull {
			return err == io.EOF
		}
	}
}

// errNotJSON tells a cut or garbled line from a whole one with wrong content.
var errNotJSON = errors.New("not a JSON object")

// decode reads one record.
func decode(text []byte) (any, error) {
	if !json.Valid(text) || text[0] != '{' {
		return nil, errNotJSON
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, err
	}
	var record interface{ check() error }
	switch head.Type {
	case TypeStart:
		record = &Start{}
	case TypeStep:
		record = &Step{}
	case TypeEval:
		record = &Eval{}
	case TypeEnd:
		record = &End{}
	default:
		return nil, fmt.Errorf("unknown record type %q; a newer kafisto may have written it", head.Type)
	}
	if err := json.Unmarshal(text, record); err != nil {
		return nil, err
	}
	return record, record.check()
}
