package cli

import (
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// terminal is where a person types.
type terminal struct{ fd int }

// terminalOf returns the terminal that is read from, if it is one.
func terminalOf(r io.Reader) (terminal, bool) {
	file, ok := r.(*os.File)
	if !ok {
		return terminal{}, false
	}
	fd := int(file.Fd())
	_, err := unix.IoctlGetTermios(fd, getTermios)
	return terminal{fd}, err == nil
}

// hide stops showing what is typed, until restore is called or the program is interrupted.
func (t terminal) hide() (restore func(), err error) {
	was, err := unix.IoctlGetTermios(t.fd, getTermios)
	if err != nil {
		return nil, err
	}
	quiet := *was
	quiet.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(t.fd, setTermios, &quiet); err != nil {
		return nil, err
	}
	back := func() { _ = unix.IoctlSetTermios(t.fd, setTermios, was) } // it worked a moment ago
	interrupted := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(interrupted, os.Interrupt, unix.SIGTERM)
	go func() {
		select {
		case <-interrupted:
			back()
			os.Exit(exitFailed) // reading from a terminal can't be called off
		case <-done:
		}
	}()
	return func() {
		signal.Stop(interrupted)
		close(done)
		back()
	}, nil
}
