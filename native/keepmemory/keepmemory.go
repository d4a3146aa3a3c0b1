//go:build cgo

// Package keepmemory, imported for its side effect, makes the C library's
// allocator keep the memory that it got from the system, in huge pages where
// the system has them:
//
//	import _ "github.com/kafisto/kafisto/native/keepmemory"
//
// XLA's CPU backend takes hundreds of megabytes from that allocator at the
// beginning of each step and frees them at its end. Without this package glibc
// returns them to the system every time, and a tenth to a third of a step is
// spent on getting them back page by page.
//
// It puts its own posix_memalign and free before the C library's, for blocks
// from 32 MB on, of which it keeps the three that were freed last; and it tells
// malloc to use one heap and to keep it. It is for programs, not for libraries.
// It has its effect before main starts, with glibc on Linux; elsewhere it does
// nothing. Memory that is reserved but not used is not counted as resident.
//
// Another allocator that stands before the C library's (jemalloc, tcmalloc) has
// to have the names __libc_free, __libc_realloc and __libc_memalign too; use
// either that or this package.
package keepmemory

// #cgo LDFLAGS: -ldl -lpthread
// int keepmemory_check(void);
// int keepmemory_check_release(void);
// void keepmemory_release(void);
import "C"

// releaseHeap gives the free pages of the C library's heap back to the system.
func releaseHeap() { C.keepmemory_release() }

// check takes and frees memory in all ways, for the test. It returns the line
// of check.c that failed, or 0.
func check() int { return int(C.keepmemory_check()) }

// checkRelease is check for the release of the heap's free pages.
func checkRelease() int { return int(C.keepmemory_check_release()) }
