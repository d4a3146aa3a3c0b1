package download

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/alloctest"
)

// FuzzCheckAnswer: of a server's answers only those are taken that can be the file, or
// the rest of it.
func FuzzCheckAnswer(f *testing.F) {
	const size = 1000
	f.Add(200, int64(0), int64(size), "", "application/gzip", `"v1"`)
	f.Add(206, int64(400), int64(-1), "bytes 400-999/1000", "", `W/"v1"`)
	f.Add(206, int64(0), int64(600), "bytes 400-999/1000", "", "")
	f.Add(200, int64(400), int64(size), "", "Text/HTML; charset=\"utf-8", "")
	f.Add(503, int64(1), int64(0), "bytes */1000", "a/b;c*0*=%00", "\n")
	f.Fuzz(func(t *testing.T, status int, have, length int64, span, kind, tag string) {
		have = max(0, have%(size+1))
		response := &http.Response{StatusCode: status, Status: fmt.Sprint(status), ContentLength: length, Header: http.Header{}}
		for name, value := range map[string]string{"Content-Range": span, "Content-Type": kind, "ETag": tag, "Last-Modified": "the date"} {
			response.Header.Set(name, value)
		}
		var err error
		var version string
		alloctest.Within(t, 1<<16+64*(len(span)+len(kind)+len(tag)), func() {
			err = File{Size: size}.checkAnswer(response, have)
			version = validatorOf(response.Header)
		})
		if version != tag && version != "the date" || strings.HasPrefix(version, "W/") {
			t.Errorf("the tag %q gave %q", tag, version)
		}
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("not one sentence: %q", err)
			}
			return
		}
		rest := int64(size)
		if status == http.StatusPartialContent {
			rest -= have
		}
		switch {
		case status != http.StatusOK && (status != http.StatusPartialContent || have == 0):
			t.Errorf("status %d was taken", status)
		case status == http.StatusPartialContent && span != fmt.Sprintf("bytes %d-999/1000", have):
			t.Errorf("the range %q was taken for the rest from %d on", span, have)
		case length >= 0 && length != rest:
			t.Errorf("%d bytes were taken for %d", length, rest)
		case strings.EqualFold(kind, "text/html"):
			t.Error("a web page was taken")
		}
	})
}
