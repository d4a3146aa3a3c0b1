package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kafisto/kafisto/internal/atomicfile"
)

const defaultStall = 30 * time.Second

var errStalled = errors.New("the server has sent nothing for too long: fetch again to take it up there")

// brokenError marks a download that may be taken up again.
type brokenError struct{ error }

func (e brokenError) Unwrap() error { return e.error }

// fetch makes sure that path holds the source.
func (s source) fetch(ctx context.Context, path string, options FetchOptions) error {
	switch err := s.verify(path); {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("data: %s: %w: move it away and fetch again", path, err)
	case options.Offline:
		return fmt.Errorf("data: %s is not in the cache and the network is not to be used: download %s yourself and put it there", path, s.url)
	}
	var err error
	for try := 0; ; try++ {
		err = s.download(ctx, path+".part", options)
		var broken brokenError
		if err == nil || !errors.As(err, &broken) || try >= options.Retries || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(time.Second<<min(try, 5), 30*time.Second)):
		}
	}
	if err != nil {
		return fmt.Errorf("data: cannot download %s: %w", s.url, err)
	}
	return s.publish(path)
}

// publish gives the checked download its name.
func (s source) publish(path string) error {
	part := path + ".part"
	if err := s.verify(part); err != nil {
		os.Remove(part) // ours, and no use: the next try starts afresh
		os.Remove(part + ".tag")
		return fmt.Errorf("data: what %s sent is not the published file: %w: try again, or get the file elsewhere and put it at %s", s.url, err, path)
	}
	os.Remove(part + ".tag")
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("data: cannot name the download: %w", err)
	}
	if err := atomicfile.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("data: cannot save the download: %w", err)
	}
	return nil
}

// verify compares a file with the pinned size and SHA-256.
func (s source) verify(path string) error {
	file, size, err := openRegular(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if size != s.size {
		return fmt.Errorf("%d bytes, want %d", size, s.size)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != s.sha256 {
		return fmt.Errorf("SHA-256 %s, want %s", sum, s.sha256)
	}
	return nil
}

// download adds to part what it lacks of the source. A tag file beside it keeps
// what the server calls this version of the file.
func (s source) download(ctx context.Context, part string, options FetchOptions) error {
	have, tag := int64(0), []byte(nil)
	if info, err := os.Stat(part); err == nil {
		if info.Size() == s.size {
			return nil // whole, not checked yet
		}
		have = info.Size()
		tag, _ = os.ReadFile(part + ".tag")
	}
	if have > s.size || len(tag) == 0 {
		have = 0 // without a tag the rest might be another version's
	}

	stall := options.Stall
	if stall == 0 {
		stall = defaultStall
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(stall, func() { cancel(brokenError{errStalled}) })
	defer watchdog.Stop()

	response, err := s.request(ctx, have, string(tag), options.Client)
	if err != nil {
		if !errors.As(err, new(brokenError)) {
			os.Remove(part + ".tag") // the next try starts afresh
		}
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		have = 0
		if err := os.WriteFile(part+".tag", []byte(validator(response.Header)), 0o644); err != nil {
			return err
		}
	}
	body := &watchedBody{ctx: ctx, body: response.Body, fed: func() { watchdog.Reset(stall) }}
	return s.store(part, body, have, options.Progress)
}

// store keeps the first have bytes of part and appends the body.
func (s source) store(part string, body io.Reader, have int64, progress func(string, int64, int64)) error {
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err = file.Truncate(have); err == nil {
		if _, err = file.Seek(have, io.SeekStart); err == nil {
			err = s.receive(file, body, have, progress)
		}
	}
	if closeErr := syncAndClose(file); err == nil {
		err = closeErr
	}
	return err
}

// request asks for the source from byte have on and refuses wrong answers.
func (s source) request(ctx context.Context, have int64, tag string, client *http.Client) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "kafisto")       // some servers refuse the default one of a language
	request.Header.Set("Accept-Encoding", "identity") // the bytes as published
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		request.Header.Set("If-Range", tag)
	}
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, brokenError{err}
	}
	if err := s.checkAnswer(response, have); err != nil {
		response.Body.Close()
		return nil, err
	}
	return response, nil
}

func (s source) checkAnswer(response *http.Response, have int64) error {
	rest := s.size
	switch status := response.StatusCode; {
	case status == http.StatusOK:
	case status == http.StatusPartialContent && have > 0:
		rest = s.size - have
		want := fmt.Sprintf("bytes %d-%d/%d", have, s.size-1, s.size)
		if got := response.Header.Get("Content-Range"); got != want {
			return fmt.Errorf("the server sent the range %q, want %q", got, want)
		}
	case status >= 500 || status == http.StatusTooManyRequests:
		return brokenError{fmt.Errorf("the server answered %s: try again later", response.Status)}
	default:
		return fmt.Errorf("the server answered %s: get the file elsewhere and put it into the cache", response.Status)
	}
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind == "text/html" {
		return errors.New("the server sent a web page instead of the file: get the file elsewhere and put it into the cache")
	}
	if response.ContentLength >= 0 && response.ContentLength != rest {
		return fmt.Errorf("the server offers %d bytes, want %d: it holds another file", response.ContentLength, rest)
	}
	return nil
}

// receive writes the body after the have bytes of the file there already.
func (s source) receive(file io.Writer, body io.Reader, have int64, progress func(string, int64, int64)) error {
	chunk := make([]byte, 1<<17)
	for {
		n, err := body.Read(chunk)
		if have += int64(n); have > s.size {
			return fmt.Errorf("the server sent more than the file's %d bytes: it holds another file", s.size)
		}
		if _, err := file.Write(chunk[:n]); err != nil {
			return err
		}
		if progress != nil && n > 0 {
			progress(s.file, have, s.size)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && have == s.size:
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return brokenError{fmt.Errorf("the connection ended after %d of %d bytes: fetch again to take it up there", have, s.size)}
		default:
			return err
		}
	}
}

// watchedBody feeds the watchdog with every byte and names the cause of an end.
type watchedBody struct {
	ctx  context.Context
	body io.Reader
	fed  func()
}

func (w *watchedBody) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	if n > 0 {
		w.fed()
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	if cause := context.Cause(w.ctx); cause != nil {
		return n, cause
	}
	return n, brokenError{err}
}

// validator is what If-Range compares: a strong ETag, else the date, else "".
func validator(header http.Header) string {
	if tag := header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return header.Get("Last-Modified")
}
