// SPDX-License-Identifier: Apache-2.0

package state

// threadTable holds the threads by number. Most events are of threads that had one a moment ago, which are found
// without the map.
type threadTable struct {
	all    map[int64]*Thread
	recent [recentThreads]recentThread // by the last bits of the number
}

// recentThreads is how many threads are found without the map, a power of two.
const recentThreads = 256

// recentThread is a thread that was looked for; nil is none, and fake ones are not kept.
type recentThread struct {
	tid int64
	t   *Thread
}

// newThreadTable returns an empty table.
func newThreadTable() threadTable { return threadTable{all: map[int64]*Thread{}} }

// get returns the thread with that number, nil if there is none.
func (m *threadTable) get(tid int64) *Thread {
	if r := &m.recent[tid&(recentThreads-1)]; r.t != nil && r.tid == tid {
		return r.t
	}
	return m.find(tid)
}

// known returns the thread with that number, nil if there is none or it is a fake one.
func (m *threadTable) known(tid int64) *Thread {
	if r := &m.recent[tid&(recentThreads-1)]; r.t != nil && r.tid == tid {
		return r.t // without a look at the thread itself, which is not in the cache
	}
	if t := m.find(tid); t != nil && !t.Fake {
		return t
	}
	return nil
}

// find looks into the map.
func (m *threadTable) find(tid int64) *Thread {
	t := m.all[tid]
	if t != nil && !t.Fake {
		m.recent[tid&(recentThreads-1)] = recentThread{tid, t}
	}
	return t
}

// set enters a thread, in place of the one that had its number.
func (m *threadTable) set(tid int64, t *Thread) {
	m.recent[tid&(recentThreads-1)].t = nil
	m.all[tid] = t
}

// remove takes a thread out.
func (m *threadTable) remove(tid int64) {
	m.recent[tid&(recentThreads-1)].t = nil
	delete(m.all, tid)
}

// len is how many threads there are.
func (m *threadTable) len() int { return len(m.all) }

// rebuild gives memory back.
func (m *threadTable) rebuild() { m.all = rebuilt(m.all) }
