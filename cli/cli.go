// Package cli is the command line: each command reads its arguments, does one thing with the packages
// that can, and says what happened.
//
// Results go to standard output, everything else to standard error. A command ends with 0 if all is
// well, 1 if it failed, 2 if it was called wrongly.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Env is what a command sees of the world.
type Env struct {
	Args    []string // without the program's name
	Environ []string
	Stdin   io.Reader // nil: empty
	Stdout  io.Writer
	Stderr  io.Writer
}

// Exit codes.
const (
	exitOK = iota
	exitFailed
	exitUsage
)

type command struct {
	name, args, does string
	run              func(context.Context, *Env, *flags) error
	flags            func(*flags)
}

func commands() []command {
	return []command{
		{"serve", "[--config FILE]", "run the appliance until SIGTERM or SIGINT", serve, withConfig},
		{"demo", "[--filled] [--once]", "show the whole round trip on loopback, with nothing to configure", demo, demoFlags},
		{"check", "[--config FILE]", "read the configuration and print every problem", check, withConfig},
		{"listen", "[--addr :9000] --secret S", "receive webhooks: check signatures, print events", listen, listenFlags},
		{"simulate", "NAME-or-FILE --to URL --app-secret S", "sign a payload and post it as Meta would", simulate, simulateFlags},
		{"backup", "FILE [--config FILE]", "copy the database into a new file, while the service runs", backup, withConfig},
		{"restore", "FILE [--config FILE]", "make the database of a stopped service out of a backup", restore, withConfig},
		{"compact", "[--config FILE]", "rewrite the database file of a stopped service smaller", compact, withConfig},
		{"verify", "[--config FILE]", "check the database file of a stopped service", verify, withConfig},
		{"reprocess", "--since T [--until T] [--dry-run]", "derive events again from the audit log", reprocess, reprocessFlags},
		{"apikey", "create --name N [--tenant ID]", "make an API key, printed once", apikey, apikeyFlags},
		{"password", "[--config FILE]", "set the console's password: asked for, or the first line of standard input", password, withConfig},
		{"keys", "list | rotate [FILE] | prune [FILE] | create FILE", "the master keys that seal secrets: list them, add one, remove what nothing needs", keys, withConfig},
		{"version", "", "print version, commit and Go version", version, nil},
	}
}

// errUsage says that a command was called wrongly.
var errUsage = errors.New("wrong usage")

// errSaid says that the command failed and has already said why.
var errSaid = errors.New("failed")

func usagef(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

// Run runs the command that the arguments name, and returns the exit code.
func Run(ctx context.Context, env *Env) int {
	if len(env.Args) == 0 {
		help(env.Stderr)
		return exitUsage
	}
	name := env.Args[0]
	if name == "help" || name == "-h" || name == "--help" {
		help(env.Stdout)
		return exitOK
	}
	for _, c := range commands() {
		if c.name == name {
			return c.execute(ctx, env)
		}
	}
	fmt.Fprintf(env.Stderr, "cubeconnect: there is no command %q; `cubeconnect help` lists them\n", name)
	return exitUsage
}

func (c command) execute(ctx context.Context, env *Env) int {
	f := &flags{FlagSet: flag.NewFlagSet(c.name, flag.ContinueOnError)}
	f.SetOutput(io.Discard)
	if c.flags != nil {
		c.flags(f)
	}
	err := f.parse(env.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		c.help(env.Stdout, f)
		return exitOK
	}
	if err == nil {
		err = c.run(ctx, env, f)
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage):
		fmt.Fprintf(env.Stderr, "cubeconnect %s: %s; usage: cubeconnect %s %s\n", c.name, strings.TrimPrefix(err.Error(), errUsage.Error()+": "), c.name, c.args)
		return exitUsage
	case !errors.Is(err, errSaid):
		fmt.Fprintf(env.Stderr, "cubeconnect %s: %v\n", c.name, err)
	}
	return exitFailed
}

func help(w io.Writer) {
	fmt.Fprint(w, "CubeConnect Webhooks takes WhatsApp webhooks from Meta and delivers signed events to your systems.\n\nUsage: cubeconnect COMMAND [arguments]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-46s %s\n", strings.TrimSpace(c.name+" "+c.args), c.does)
	}
	fmt.Fprint(w, "\n`cubeconnect COMMAND --help` says more. Begin with `cubeconnect demo`.\n")
}

func (c command) help(w io.Writer, f *flags) {
	fmt.Fprintf(w, "Usage: cubeconnect %s %s\n\n%s.\n", c.name, c.args, strings.ToUpper(c.does[:1])+c.does[1:])
	first := true
	f.VisitAll(func(fl *flag.Flag) {
		if first {
			fmt.Fprint(w, "\n")
			first = false
		}
		value, usage := flag.UnquoteUsage(fl)
		fmt.Fprintf(w, "  %-26s %s\n", strings.TrimSpace("--"+fl.Name+" "+value), usage)
	})
}

// flags are a command's flags, which may stand before, between and behind its arguments.
type flags struct {
	*flag.FlagSet
	args   []string
	config string
}

func (f *flags) parse(args []string) error {
	for {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return err
			}
			return usagef("%v", err)
		}
		rest := f.Args()
		if len(rest) == 0 {
			return nil
		}
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			f.args = append(f.args, rest...)
			return nil
		}
		f.args = append(f.args, rest[0])
		args = rest[1:]
	}
}

// is reports whether a flag that needs no value was given.
func (f *flags) is(name string) bool { return f.Lookup(name).Value.String() == "true" }

// noArgs refuses arguments that a command doesn't take.
func (f *flags) noArgs() error {
	if len(f.args) > 0 {
		return usagef("unexpected argument %q", f.args[0])
	}
	return nil
}

func withConfig(f *flags) {
	f.StringVar(&f.config, "config", "", "configuration `FILE`; without one the defaults and CUBECONNECT_… variables hold")
}
