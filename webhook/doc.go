// Package webhook holds the words of the relay as types, and the rules about them that need no I/O.
//
// A [Tenant] is a customer of the installation. It owns [Account]s (WhatsApp numbers) and [Endpoint]s
// (URLs of its own systems). An [Inbound] is one POST from Meta; what it means for a tenant becomes
// an [Event]; an event on its way to one endpoint is a [Delivery]; one HTTP request of it an [Attempt].
//
// The package reads no clock, opens nothing and imports nothing of this module: everything else may
// depend on it.
package webhook
