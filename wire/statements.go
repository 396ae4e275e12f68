package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
)

// Consent is what the device signs when a request has been decided: the very
// text that was shown, and the answer.
type Consent struct {
	Number    int          `json:"number"`     // of the receipt, counted by the device
	Device    string       `json:"device"`     // its name, as the gateway calls it
	DeviceKey string       `json:"device_key"` // fingerprint
	Nonce     string       `json:"nonce"`      // made by the device for this request
	Request   Request      `json:"request"`
	Further   bool         `json:"further,omitempty"` // an answer to a [More], in a visit that was open
	Choice    Choice       `json:"choice"`
	Granted   []Capability `json:"granted,omitempty"`
	Login     string       `json:"login,omitempty"`    // the account the visit will use
	Until     *time.Time   `json:"until,omitempty"`    // when approved: the visit's end
	Later     *time.Time   `json:"later,omitempty"`    // when postponed: the appointment
	Why       string       `json:"why,omitempty"`      // a refusal's reason, or why there was no answer
	Stranger  bool         `json:"stranger,omitempty"` // "I do not know this person"
	Standing  string       `json:"standing,omitempty"` // the owner's standing consent that said yes, by its name
	Signers   []string     `json:"signers,omitempty"`  // the supervisors whose override opened it
	Text      string       `json:"text"`               // as shown
	Language  string       `json:"language"`
	Surface   string       `json:"surface,omitempty"`
	UID       int          `json:"uid"` // who answered; -1 for nobody
	Guard     Guard        `json:"guard"`
	Asked     time.Time    `json:"asked"`
	Answered  time.Time    `json:"answered"`
}

// Opens reports whether the statement opens a visit: by the user's yes, the
// owner's standing one, or an override.
func (c *Consent) Opens() bool { return c.Choice == Approve || c.Choice == Overridden }

// Guard says how the prompt's protection against hasty keys went.
type Guard struct {
	QuietMS int `json:"quiet_ms"` // how long the keyboard was still before it counted
	Early   int `json:"early"`    // keys ignored before that
	OpenMS  int `json:"open_ms"`  // from shown to answered
}

// Ending is what the device signs when a visit has ended.
type Ending struct {
	Number int       `json:"number"` // of the receipt
	Visit  string    `json:"visit"`
	Opened time.Time `json:"opened"`
	Ended  time.Time `json:"ended"`
	By     string    `json:"by"`
	Cause  string    `json:"cause"`
	Shells int       `json:"shells"`
	// Screens is how often the screen was shown: once more after each pause. A
	// gateway that knows no screens gets no ending with it.
	Screens int  `json:"screens,omitempty"`
	Head    Head `json:"head"`   // the last the device was told
	Sealed  bool `json:"sealed"` // it was the final one
}

// SignStatement encodes a [Consent] or [Ending] and signs it with the
// device's key.
func SignStatement(key ssh.Signer, statement any) (text, signature []byte, err error) {
	text, err = json.Marshal(statement)
	if err != nil {
		return nil, nil, fmt.Errorf("encode a receipt: %w", err)
	}
	signature, err = Sign(key, NamespaceReceipt, text)
	return text, signature, err
}

// maxLines bounds the lines of a prompt's text.
const maxLines = 200

// OpenConsent verifies and decodes a device's consent statement, and refuses
// one that contradicts itself. Texts in it are cleaned, so what was signed is
// the statement, not what encodes the result: keep the statement.
func OpenConsent(key ssh.PublicKey, text, signature []byte) (*Consent, error) {
	var c Consent
	if err := openStatement(key, text, signature, &c); err != nil {
		return nil, err
	}
	if err := c.Request.check(); err != nil {
		return nil, err
	}
	c.Why, c.Surface = Clean(c.Why, MaxReason), Clean(c.Surface, MaxName)
	c.Language, c.Nonce = Clean(c.Language, MaxName), Clean(c.Nonce, MaxLine)
	c.DeviceKey, c.Text = Clean(c.DeviceKey, MaxName), cleanText(c.Text, maxLines)
	c.Standing = Clean(c.Standing, MaxName)
	for i, name := range c.Signers {
		c.Signers[i] = Clean(name, MaxName)
	}
	if c.Device != "" && !ValidDevice(c.Device) || c.Login != "" && !ValidLogin(c.Login) {
		return nil, errors.New("the receipt names no device or no account that can be")
	}
	if err := errors.Join(c.checkFurther(), c.checkChoice()); err != nil {
		return nil, err
	}
	return &c, nil
}

// checkChoice wants what an answer must say, and nothing granted without a yes.
func (c *Consent) checkChoice() error {
	switch c.Choice {
	case Approve, Overridden:
		return c.checkApproval()
	case Later:
		if c.Later == nil {
			return errors.New("postponed, but not until when")
		}
	case Refuse, None:
	default:
		return errors.New("the receipt holds no known choice")
	}
	if len(c.Granted) > 0 || c.Until != nil {
		return errors.New("the receipt grants something without an approval")
	}
	return nil
}

func (c *Consent) checkApproval() error {
	if c.Until == nil || len(c.Granted) == 0 {
		return errors.New("an approval without an end or without capabilities")
	}
	if (c.Choice == Overridden) != (len(c.Signers) > 0) || c.Choice == Overridden && (c.Request.Override == nil || c.Standing != "") {
		return errors.New("an override without signers, or signers without an override")
	}
	if !c.Until.After(c.Answered) || c.Until.Sub(c.Answered) > VisitLongest+time.Minute {
		return errors.New("an approval that ends before it begins, or never")
	}
	for _, g := range c.Granted {
		if !slices.Contains(c.Request.Capabilities, g) {
			return errors.New("an approval of what was not asked for")
		}
	}
	return checkCapabilities(c.Granted)
}

// OpenEnding verifies and decodes a device's ending statement.
func OpenEnding(key ssh.PublicKey, text, signature []byte) (*Ending, error) {
	var e Ending
	if err := openStatement(key, text, signature, &e); err != nil {
		return nil, err
	}
	e.By, e.Cause = Clean(e.By, MaxName), Clean(e.Cause, MaxReason)
	if !ValidVisit(e.Visit) {
		return nil, errors.New("the end card names no visit")
	}
	if err := e.Head.check(); err != nil {
		return nil, err
	}
	return &e, nil
}

func openStatement(key ssh.PublicKey, text, signature []byte, into any) error {
	if err := Verify(key, NamespaceReceipt, text, signature); err != nil {
		return err
	}
	return decodeStrict(text, into)
}

// decodeStrict decodes JSON that has one spelling only: what it decodes to
// must encode to the same bytes. So there is no unknown, doubled or differently
// cased field, no broken UTF-8, and nothing behind the value.
func decodeStrict(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("not understood: %w", err)
	}
	again, err := json.Marshal(into)
	if err != nil || !bytes.Equal(again, text) {
		return errors.New("not understood: not in the one spelling that is allowed")
	}
	return nil
}
