package gateway

import "sync"

// registry is the set of live devices, by the fingerprints of their keys.
type registry struct {
	mu    sync.Mutex
	homes map[string]*home
}

// get returns the live link of a device, or nil.
func (r *registry) get(fingerprint string) *home {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.homes[fingerprint]
}

// all lists the live links.
func (r *registry) all() []*home {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*home, 0, len(r.homes))
	for _, h := range r.homes {
		list = append(list, h)
	}
	return list
}

// put enters a link, or returns the one that is there already.
func (r *registry) put(h *home) (there *home) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.homes[h.device.Key]; old != nil {
		return old
	}
	r.homes[h.device.Key] = h
	return nil
}

// remove takes a link out, if it is still the one of its device.
func (r *registry) remove(h *home) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.homes[h.device.Key] == h {
		delete(r.homes, h.device.Key)
	}
}
