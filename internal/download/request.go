package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects is how many redirects are followed.
const maxRedirects = 10

// request asks for the file from byte have on.
func (f File) request(ctx context.Context, have int64, validator string, client *http.Client) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "kafisto")       // some servers refuse the default one of a language
	request.Header.Set("Accept-Encoding", "identity") // the bytes as published
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		request.Header.Set("If-Range", validator)
	}
	var careful http.Client
	if client != nil {
		careful = *client
	}
	careful.CheckRedirect = CheckRedirect
	response, err := careful.Do(request)
	if err == nil {
		return response, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	if ofNetwork(err) {
		return nil, brokenError{err}
	}
	return nil, err
}

// CheckRedirect is for an http.Client: it follows at most ten redirects, to http and
// https only, and never from https to http.
func CheckRedirect(next *http.Request, before []*http.Request) error {
	switch from, to := before[len(before)-1].URL.Scheme, next.URL.Scheme; {
	case len(before) > maxRedirects:
		return fmt.Errorf("it redirects more than %d times", maxRedirects)
	case to != "http" && to != "https":
		return fmt.Errorf("it redirects to an address of %q, not of http or https", to)
	case from == "https" && to == "http":
		return errors.New("it redirects from https to http, where anybody may answer")
	}
	return nil
}

// ofNetwork tells whether a request failed for a reason that may pass.
func ofNetwork(err error) bool {
	var whole *url.Error // has the methods of a network's error, whatever is in it
	if errors.As(err, &whole) {
		err = whole.Err
	}
	return errors.As(err, new(net.Error)) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// checkAnswer refuses wrong answers to a request from byte have on.
func (f File) checkAnswer(response *http.Response, have int64) error {
	rest := f.Size
	switch status := response.StatusCode; {
	case status == http.StatusOK:
	case status == http.StatusPartialContent && have > 0:
		rest = f.Size - have
		want := fmt.Sprintf("bytes %d-%d/%d", have, f.Size-1, f.Size)
		if got := response.Header.Get("Content-Range"); got != want {
			return fmt.Errorf("the server sent the range %q, want %q", got, want)
		}
	case status >= 500 || status == http.StatusTooManyRequests:
		return brokenError{fmt.Errorf("the server answered %s: try again later", response.Status)}
	default:
		return fmt.Errorf("the server answered %s: get the file elsewhere", response.Status)
	}
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind == "text/html" {
		return errors.New("the server sent a web page instead of the file: get the file elsewhere")
	}
	if response.ContentLength >= 0 && response.ContentLength != rest {
		return fmt.Errorf("the server offers %d bytes, want %d: it holds another file", response.ContentLength, rest)
	}
	return nil
}

// validatorOf is what If-Range compares: a strong ETag, else the date, else "".
func validatorOf(header http.Header) string {
	if tag := header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return header.Get("Last-Modified")
}
