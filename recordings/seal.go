package recordings

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Sign signs a seal's statement with the gateway's key, as armored SSHSIG.
type Sign func(statement []byte) (armored []byte, err error)

// Check verifies what [Sign] made.
type Check func(statement, armored []byte) error

// sealFormat names the statement, so that no other text can be taken for one.
const sealFormat = "accord recording seal 1"

// maxSeal bounds the file seal in bytes: a list of maxShells files fits.
const maxSeal = 4 << 20

// fileSum is a file in its final form.
type fileSum struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Sum  sum    `json:"sha256"`
}

// sum is valid for a file that is chained to its end.
func (g *growing) sum() fileSum { return fileSum{g.name, g.chained, take(g.whole)} }

// sealed is the statement that is signed.
type sealed struct {
	Format string    `json:"format"`
	Visit  string    `json:"visit"`
	State  State     `json:"state"`
	Sealed time.Time `json:"sealed"`
	Seq    uint64    `json:"chain_seq"`
	Head   sum       `json:"chain_head"`
	Files  []fileSum `json:"files"` // all of the folder but the seal itself, by name
}

func (s sealed) encode() ([]byte, error) {
	s.Sealed = stamp(s.Sealed)
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the seal: %w", err)
	}
	return append(b, '\n'), nil
}

// Seal ends the recording: what waits goes to disk, visit.json gets its final
// form and the folder its seal. Shells that are still open end without an
// exit. It also closes a recording that failed, as interrupted, with space
// that was held back for that. When it fails, [Library.Recover] can still
// close the folder. A second call is [ErrSealed].
func (r *Recording) Seal(end End) (Head, error) {
	if err := r.halt(); err != nil {
		return Head{}, err
	}
	defer r.release()
	if err := r.seal(end); err != nil {
		return r.Head(), newFailure(fmt.Errorf("seal the recording %s: %w", r.ID(), err))
	}
	return r.Head(), nil
}

func (r *Recording) seal(end End) error {
	if err := r.dir.remove(reserveFile); err != nil {
		return err
	}
	end.State = StateComplete
	if r.Err() != nil {
		end.State = StateInterrupted
	}
	if end.Ended.IsZero() {
		end.Ended = time.Now()
	}
	end.Ended, end.Shells, end.Bytes = stamp(end.Ended), r.count-r.logs, r.shownBytes()
	end.Screens = r.logs
	if _, err := r.timeline.add(KindEnded, end); err != nil {
		return err
	}
	r.timeline.file.ended.Store(true)
	for r.chain.undone != nil {
		if err := r.flush(); err != nil {
			return err
		}
	}
	if err := r.flush(); err != nil {
		return err
	}
	return conclude(r.dir, r.lib.sign, r.opened.with(end), r.chain, r.sums)
}

// shownBytes is the size of all casts and frame logs, open ones included.
func (r *Recording) shownBytes() int64 {
	var n int64
	for _, g := range r.files {
		if shows(g.name) {
			n += g.written.Load()
		}
	}
	for _, s := range r.sums {
		if shows(s.Name) {
			n += s.Size
		}
	}
	return n
}

// conclude writes the last two files: visit.json in its final form, and the
// seal over all files. sums are of the files that the chain covers to their
// end.
func conclude(dir folder, sign Sign, final Visit, c *chain, sums []fileSum) error {
	text, err := final.encode()
	if err != nil {
		return err
	}
	if err := dir.replace(visitFile, text); err != nil {
		return err
	}
	if err := c.file.sync(); err != nil {
		return err
	}
	s := sealed{
		Format: sealFormat, Visit: final.ID, State: final.State, Sealed: stamp(time.Now()),
		Seq: c.head.Seq, Head: c.head.Hash,
		Files: []fileSum{c.file.sum(), {visitFile, int64(len(text)), sumOf(text)}},
	}
	for _, f := range sums {
		if f.Name != visitFile { // that is its first form
			s.Files = append(s.Files, f)
		}
	}
	slices.SortFunc(s.Files, func(a, b fileSum) int { return cmp.Compare(a.Name, b.Name) })
	statement, err := s.encode()
	if err != nil {
		return err
	}
	signature, err := sign(statement)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	return dir.replace(sealFile, append(statement, signature...))
}

// The lines around an armored SSHSIG.
const (
	beginSig = "-----BEGIN SSH SIGNATURE-----\n"
	endSig   = "\n-----END SSH SIGNATURE-----\n"
)

// parseSeal splits the file seal and reads its statement. It does not check
// the signature, only that it is spelled in one way.
func parseSeal(file []byte) (s sealed, statement, armored []byte, err error) {
	i := bytes.Index(file, []byte("\n"+beginSig)) + 1
	if i == 0 {
		return s, nil, nil, errors.New("it has no signature")
	}
	statement, armored = file[:i], file[i:]
	if err := decodeStrict(statement, &s); err != nil {
		return s, nil, nil, err
	}
	again, err := s.encode()
	if err != nil || !bytes.Equal(again, statement) {
		return s, nil, nil, errors.New("its statement is not in the one spelling that is allowed")
	}
	if s.Format != sealFormat || s.State != StateComplete && s.State != StateInterrupted {
		return s, nil, nil, errors.New("its statement is of an unknown format or state")
	}
	for i, f := range s.Files {
		if i > 0 && f.Name <= s.Files[i-1].Name || f.Name != chainFile && !coveredName.MatchString(f.Name) || f.Size < 0 {
			return s, nil, nil, errors.New("its list of files is impossible")
		}
	}
	return s, statement, armored, checkArmor(armored)
}

// checkArmor refuses a signature that could be spelled otherwise: base64 in
// lines of one length, nothing else.
func checkArmor(armored []byte) error {
	body, ok := bytes.CutPrefix(armored, []byte(beginSig))
	body, ok2 := bytes.CutSuffix(body, []byte(endSig))
	width := bytes.IndexByte(body, '\n')
	if width < 0 {
		width = len(body)
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(string(body))
	if !ok || !ok2 || width == 0 || err != nil {
		return errors.New("its signature is malformed")
	}
	var again []byte
	for text := base64.StdEncoding.EncodeToString(blob); text != ""; {
		n := min(width, len(text))
		again = append(append(again, text[:n]...), '\n')
		text = text[n:]
	}
	if !bytes.Equal(again, append(body, '\n')) {
		return errors.New("its signature is not in the one spelling that is allowed")
	}
	return nil
}

func sumOf(b []byte) sum { return sha256.Sum256(b) }
