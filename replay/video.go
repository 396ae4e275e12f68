package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"accord/wire"
)

// Video is a kind of film that ffmpeg makes.
type Video string

// The kinds, by how their files end.
const (
	MP4  Video = "mp4"
	WebM Video = "webm"
)

// ErrNoEncoder reports that ffmpeg is missing.
var ErrNoEncoder = errors.New("ffmpeg isn't installed, and makes the film: install it (apt install ffmpeg), or export an --apng or a --png, which need nothing")

// videoRate is how many pictures a second a film has: as many as are recorded.
const videoRate = 5

// args are ffmpeg's for a file. The picture gets sides of even lengths, which
// both kinds ask for.
func (v Video) args(width, height int, file string) []string {
	args := []string{
		"-hide_banner", "-loglevel", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", "bgr0",
		"-s", fmt.Sprintf("%dx%d", width, height), "-r", strconv.Itoa(videoRate), "-i", "pipe:0",
		"-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p",
	}
	switch v {
	case WebM:
		args = append(args, "-c:v", "libvpx-vp9", "-crf", "32", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "6", "-f", "webm")
	default:
		args = append(args, "-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-movflags", "+faststart", "-f", "mp4")
	}
	return append(args, "-y", "file:"+file) // the file is ours, and empty
}

// Film writes the screen as a video.
func Film(ctx context.Context, path, file string, kind Video, e Export) error {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		return ErrNoEncoder
	}
	f, err := openFilm(path, e)
	if err != nil {
		return err
	}
	defer f.close()
	size := f.canvas.Bounds()
	return create(file, func(to *os.File) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, kind.args(size.Dx(), size.Dy(), file)...)
		var says bytes.Buffer
		cmd.Stderr = &says
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("start ffmpeg: %w", err)
		}
		err = f.feed(ctx, in.Write)
		if err != nil && ctx.Err() != nil {
			cancel()
		}
		in.Close()
		if ended := cmd.Wait(); ended != nil && context.Cause(ctx) == nil {
			return fmt.Errorf("ffmpeg could not make the film: %s", reason(says.String(), ended))
		}
		return err
	})
}

// reason is the last line that a program said.
func reason(said string, err error) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if last := wire.Clean(lines[len(lines)-1], wire.MaxReason); last != "" {
		return last
	}
	return err.Error()
}

// feed writes picture after picture.
func (f *film) feed(ctx context.Context, write func([]byte) (int, error)) error {
	buf := make([]byte, len(f.canvas.Pix))
	for i := 0; ; i++ {
		t := f.From + time.Duration(i)*time.Second/videoRate
		if t > f.To && i > 0 {
			return nil
		}
		if next, ok := f.play.Next(); i == 0 || ok && next <= t {
			if _, err := f.at(ctx, t); err != nil {
				return err
			}
			f.bgr(buf)
		}
		if _, err := write(buf); err != nil {
			return err
		}
		f.tell(t)
	}
}

// bgr fills buf with the picture as ffmpeg takes it.
func (f *film) bgr(buf []byte) {
	for i := 0; i < len(buf); i += 4 {
		p := f.canvas.Pix[i : i+4]
		buf[i], buf[i+1], buf[i+2], buf[i+3] = p[2], p[1], p[0], 0
	}
}
