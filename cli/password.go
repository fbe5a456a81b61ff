package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"cubeconnect/app"
	"cubeconnect/config"
	"cubeconnect/console"
	"cubeconnect/webhook"
)

func password(ctx context.Context, env *Env, f *flags) error {
	c, err := loadConfig(env, f)
	if err != nil {
		return err
	}
	pw, err := readPassword(env)
	if err != nil {
		return err
	}
	for _, faults := range console.CheckPassword(pw) {
		return fmt.Errorf("the password %s", faults[0])
	}
	if err := setPassword(ctx, c, pw); err != nil {
		return err
	}
	fmt.Fprintln(env.Stderr, "The console's password is set, and every browser signed out.")
	return nil
}

// readPassword asks for the password twice on a terminal, and reads one line of anything else.
func readPassword(env *Env) (string, error) {
	if env.Stdin == nil {
		env.Stdin = strings.NewReader("")
	}
	in := bufio.NewReader(env.Stdin)
	terminal, ok := terminalOf(env.Stdin)
	if !ok {
		return readLine(in)
	}
	restore, err := terminal.hide()
	if err != nil {
		return "", fmt.Errorf("hide what is typed: %w", err)
	}
	defer restore()
	fmt.Fprint(env.Stderr, "New password: ")
	first, err := readLine(in)
	fmt.Fprintln(env.Stderr)
	if err != nil {
		return "", err
	}
	fmt.Fprint(env.Stderr, "Once more: ")
	second, err := readLine(in)
	fmt.Fprintln(env.Stderr)
	if err == nil && first != second {
		err = errors.New("the two are not the same; nothing was changed")
	}
	return first, err
}

func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil // the last line may have no end
	}
	return strings.TrimRight(line, "\r\n"), err
}

// setPassword asks the running service, or does it itself if there is none.
func setPassword(ctx context.Context, c *config.Config, pw string) error {
	err := callLocal(ctx, c, console.LocalPasswordPath, map[string]string{"password": pw}, nil)
	if !errors.Is(err, errNoService) {
		return err
	}
	s, err := app.OpenOrMakeStore(c)
	if err != nil {
		return err
	}
	phc := console.HashPassword(pw)
	return errors.Join(s.UpdateLogin(locally(ctx), func(l *webhook.Login) error { l.SetPassword(phc); return nil }), s.Close())
}
