package browsertest

import "testing"

// From the link in the log to the first page, out again, and with another password in again.
func TestSignIn(t *testing.T) {
	t.Parallel()
	a := start(t)
	b := browse(t, a.admin)
	b.open("/")
	b.at("/sign-in")
	b.sees("No password is set yet")

	b.open(a.setUp)
	b.write("New password", "short")
	b.write("New password, once more", "short")
	b.follow("Set password and sign in")
	b.sees("at least 10")
	b.write("New password", password)
	b.write("New password, once more", password)
	b.follow("Set password and sign in")
	b.at("/")
	b.sees("The password is set. You are signed in.", "Begin with a tenant")

	b.press("Administrator")
	b.follow("Sign out")
	b.at("/sign-in")
	b.open("/tenants")
	b.at("/sign-in?next=%2Ftenants")
	b.write("Password", "a guess")
	b.follow("Sign in")
	b.sees("This is not the right password")
	b.write("Password", password)
	b.follow("Sign in")
	b.at("/tenants")

	other := a.signIn()
	b.press("Administrator")
	b.follow("Change password")
	b.write("Current password", password)
	b.write("New password", "another "+password)
	b.write("New password, once more", "another "+password)
	b.follow("main >> Change password")
	b.sees("The password is changed. All other browsers are signed out.")
	other.open("/tenants")
	other.at("/sign-in?next=%2Ftenants")

	again := browse(t, a.admin)
	again.visit(a.setUp)
	again.sees("This link is no longer valid")
}
