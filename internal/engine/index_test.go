package engine

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/go-xla/installer"
)

// rewritten is a transport to a server, whatever the address.
type rewritten struct{ to *url.URL }

func (r rewritten) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.URL.Scheme, request.URL.Host = r.to.Scheme, r.to.Host
	return http.DefaultTransport.RoundTrip(request)
}

// TestAskIndex asks indexes that answer well and badly.
func TestAskIndex(t *testing.T) {
	hung := make(chan struct{}, 1)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string // in the error; "" for none
	}{
		"good":     {serve([]byte(`{"info": {"project_url": "http://index.example/package/"}, "releases": {}}`)), ""},
		"no page":  {http.NotFound, "answered 404"},
		"down":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "answered 502"},
		"web page": {serve([]byte("<html>")), "JSON"},
		"too long": {serve([]byte(`"` + strings.Repeat("x", maxIndex) + `"`)), "too long"},
		"to a file": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, "not of http"},
		"silent": {func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			hung <- struct{}{}
		}, "deadline"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(" "))
				w.(http.Flusher).Flush()
				time.Sleep(5 * time.Millisecond)
			}
			hung <- struct{}{}
		}, "deadline"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.answer)
			defer server.Close()
			address, err := url.Parse(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			ctx := t.Context()
			if c.want == "deadline" {
				short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancel()
				ctx = short
			}
			before := http.DefaultClient
			info, err := indexClient{ctx, rewritten{address}}.ask("package")
			switch {
			case c.want == "" && (err != nil || info.Info.ProjectURL == ""):
				t.Errorf("%+v, %v", info, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if http.DefaultClient != before {
				t.Error("http's default client is another one now")
			}
			if c.want == "deadline" {
				<-hung // the server sees that nobody is left behind
			}
		})
	}
}

// TestLocate finds the archive in what an index and its mirrors answer.
func TestLocate(t *testing.T) {
	w := &wheel{name: "package", version: "1.2.3"}
	info := new(installer.PipPackageInfo)
	if got, err := w.locate(info); err == nil {
		t.Errorf("found %q where there is no release", got)
	}
	for given, want := range map[string]string{
		"http://files.example/a/b.whl": "http://files.example/a/b.whl",
		"../../files/a/b.whl":          "http://index.example/files/a/b.whl",
		"http://a b/":                  "",
	} {
		info.Info.ProjectURL = "http://index.example/project/package/"
		info.Releases = map[string][]installer.PipReleaseInfo{"1.2.3": {
			{Filename: "package-1.2.3-py3-none-macosx_11_0_arm64.whl", URL: "http://wrong.example/"},
			{Filename: "package-1.2.3-py3-none-manylinux_2_27_x86_64.whl", URL: given},
		}}
		if got, err := w.locate(info); got != want || (err == nil) != (want != "") {
			t.Errorf("locate(%q) = %q, %v; want %q", given, got, err, want)
		}
	}
}
