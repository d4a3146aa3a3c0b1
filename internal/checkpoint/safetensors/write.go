package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// metadataKey is the header's key for text about the file.
const metadataKey = "__metadata__"

// entry is a tensor as it stands in the header.
type entry struct {
	DType   DType   `json:"dtype"`
	Shape   []int64 `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

// WriteHeader writes everything before the values of tensors, which [Layout]
// has put in order, with optional text about the file. The header is padded
// with spaces so that the values start at a multiple of 8 bytes.
func WriteHeader(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	header := map[string]any{}
	for _, t := range tensors {
		if t.Name == metadataKey {
			return fmt.Errorf("safetensors: no tensor can be named %s", metadataKey)
		}
		shape := append([]int64{}, t.Shape...) // never null
		header[t.Name] = entry{t.DType, shape, []int64{t.Begin, t.End}}
	}
	if len(metadata) > 0 {
		header[metadataKey] = metadata
	}
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	if len(text) > MaxHeader {
		return fmt.Errorf("safetensors: the header would take %d bytes, at most %d are allowed", len(text), MaxHeader)
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(text))); err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
