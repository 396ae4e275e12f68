package proc

import "testing"

func TestCgroupFolder(t *testing.T) {
	const (
		systemd = "25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		hybrid  = "30 29 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n40 29 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
		inside  = "25 20 0:22 /docker/ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
		spaces  = "25 20 0:22 / /mnt/my\\040groups\\134x rw - cgroup2 none rw\n"
	)
	for name, c := range map[string]struct{ mounts, groups, want string }{
		"systemd":           {systemd, "0::/system.slice/accord.service\n", "/sys/fs/cgroup/system.slice/accord.service"},
		"hybrid":            {hybrid, "1:cpu:/a\n0::/b\n", "/sys/fs/cgroup/unified/b"},
		"root":              {hybrid, "0::/\n", "/sys/fs/cgroup/unified"},
		"container":         {inside, "0::/docker/ab/agent\n", "/sys/fs/cgroup/agent"},
		"outside the mount": {inside, "0::/system.slice\n", ""},
		"a namespace's own": {systemd, "0::/../other\n", ""},
		"only version 1":    {hybrid[:70], "1:cpu:/a\n", ""},
		"escaped":           {spaces, "0::/a\n", "/mnt/my groups\\x/a"},
		"nothing":           {"", "", ""},
		"short lines":       {"1 2 - cgroup2\n- cgroup2 x y\n", "0::\n0::/\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cgroupFolder(c.mounts, c.groups)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// TestNoCgroup does nothing where there is none.
func TestNoCgroup(t *testing.T) {
	var none cgroup
	if err := none.add(1); err != nil {
		t.Error(err)
	}
	none.kill()
	none.remove()
}
