package proc

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

// pseudoConsole is PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE (winbase.h).
const pseudoConsole = windows.PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE

// create makes the process: with the console, or with the handles as its standard
// streams, which alone it inherits, or with neither.
func (l line) create(token windows.Token, console windows.Handle, streams []windows.Handle, flags uint32) (made windows.ProcessInformation, err error) {
	attributes, err := windows.NewProcThreadAttributeList(1)
	if err != nil {
		return made, err
	}
	defer attributes.Delete()
	start := windows.StartupInfoEx{ProcThreadAttributeList: attributes.List()}
	start.Cb = uint32(unsafe.Sizeof(start))
	switch {
	case console != 0:
		// So that the console is used whatever this process's own streams are.
		start.Flags |= windows.STARTF_USESTDHANDLES
		flags &^= windows.CREATE_NO_WINDOW
		// The attribute is the handle itself, not where it stands.
		err = attributes.Update(pseudoConsole, *(*unsafe.Pointer)(unsafe.Pointer(&console)), unsafe.Sizeof(console))
	case len(streams) > 0:
		start.Flags |= windows.STARTF_USESTDHANDLES
		start.StdInput, start.StdOutput, start.StdErr = streams[0], streams[1], streams[2]
		for _, h := range streams {
			if err := windows.SetHandleInformation(h, windows.HANDLE_FLAG_INHERIT, windows.HANDLE_FLAG_INHERIT); err != nil {
				return made, err
			}
		}
		err = attributes.Update(windows.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(&streams[0]), uintptr(len(streams))*unsafe.Sizeof(streams[0]))
	default:
		start.Desktop, err = windows.UTF16PtrFromString(`winsta0\default`)
	}
	if err != nil {
		return made, err
	}
	return made, l.run(token, len(streams) > 0, flags|windows.CREATE_UNICODE_ENVIRONMENT|windows.EXTENDED_STARTUPINFO_PRESENT, &start, &made)
}

func (l line) run(token windows.Token, inherit bool, flags uint32, start *windows.StartupInfoEx, made *windows.ProcessInformation) error {
	program, err := windows.UTF16PtrFromString(l.program)
	if err != nil {
		return err
	}
	args, err := windows.UTF16PtrFromString(l.args)
	if err != nil {
		return err
	}
	dir, err := windows.UTF16PtrFromString(l.dir)
	if err != nil {
		return err
	}
	if token == 0 {
		return windows.CreateProcess(program, args, nil, nil, inherit, flags, block(l.env), dir, &start.StartupInfo, made)
	}
	return windows.CreateProcessAsUser(token, program, args, nil, nil, inherit, flags, block(l.env), dir, &start.StartupInfo, made)
}

// block is an environment as CreateProcess takes it.
func block(env []string) *uint16 {
	var b []uint16
	for _, v := range env {
		if !strings.ContainsRune(v, 0) {
			b = append(append(b, utf16.Encode([]rune(v))...), 0)
		}
	}
	b = append(b, 0, 0)
	return &b[0]
}

// InWindow runs a command of this program's in a console window of its own, where
// the account is logged in, and returns when it has ended or until is closed. The
// window is no process of a visit.
func InWindow(a Account, command []string, until <-chan struct{}) error {
	token, err := tokenOf(a)
	if err != nil {
		return err
	}
	of := token
	if token != 0 {
		defer func() { _ = token.Close() }()
	} else {
		of = windows.GetCurrentProcessToken()
	}
	l := line{program: command[0], args: windows.ComposeCommandLine(command), dir: system("")}
	if l.env, err = of.Environ(false); err != nil {
		return fmt.Errorf("find the environment of %s: %w", a.Name, err)
	}
	made, err := l.create(token, 0, nil, windows.CREATE_NEW_CONSOLE)
	if err != nil {
		return fmt.Errorf("open a console window for %s: %w", a.Name, err)
	}
	_ = windows.CloseHandle(made.Thread)
	ended, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-until:
			_ = windows.TerminateProcess(made.Process, killedStatus)
		case <-ended:
		}
	}()
	_, err = windows.WaitForSingleObject(made.Process, windows.INFINITE)
	close(ended)
	<-watched
	return errors.Join(err, windows.CloseHandle(made.Process))
}
