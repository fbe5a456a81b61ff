package ingress

// content is what a message says.
type content struct {
	text      string
	object    value // the member named like the type
	isMedia   bool
	relatedID string // the message that a reaction, an edit or a revocation is about
	replyID   string // the id, or a template button's payload, of the button or row that was chosen
}

// contentOf puts a message into one line of text. The object is its member named like its type.
func contentOf(kind string, object value) (c content) {
	c.object = object
	if kind == "text" {
		c.text = text(member(c.object, "body"))
		return c
	}
	c.text = "[" + kind + "]"
	switch kind {
	case "image", "video":
		c.isMedia = true
		c.insteadOf(member(c.object, "caption"))
	case "document":
		c.isMedia = true
		c.insteadOf(member(c.object, "filename"))
	case "audio", "voice", "sticker": // voice: the older name of an audio message with voice set
		c.isMedia = true
	case "location":
		latitude, longitude := number(member(c.object, "latitude")), number(member(c.object, "longitude"))
		if latitude != "" && longitude != "" {
			c.text = "location:" + latitude + "," + longitude
		}
	case "interactive":
		c.interactive()
	case "button":
		c.text = text(member(c.object, "text"))
		c.replyID = text(member(c.object, "payload"))
	case "reaction":
		c.text = text(member(c.object, "emoji"))
		c.relatedID = identifier(member(c.object, "message_id"))
	case "edit", "revoke":
		c.relatedID = identifier(member(c.object, "original_message_id"))
	}
	return c
}

// interactive takes the title of the button or row that was chosen, or the line that a form shows.
// Permissions to call and payments have neither.
func (c *content) interactive() {
	members(c.object, func(name string, v value) {
		switch name {
		case "button_reply", "list_reply":
			c.insteadOf(member(v, "title"))
			c.replyID = text(member(v, "id"))
		case "nfm_reply":
			c.insteadOf(member(v, "body"))
		}
	})
}

// insteadOf takes a string over the type in brackets.
func (c *content) insteadOf(v value) {
	if s := text(v); s != "" {
		c.text = s
	}
}

// number returns a number as it is written, so that no digit of a coordinate is lost; a string is
// taken for one as well.
func number(v value) string {
	if v.kind() == isNumber {
		return v.raw()
	}
	return text(v)
}
