package wire

import "cmp"

// nearMost is the longest word, in bytes, that is compared.
const nearMost = MaxName

// Near is the word of a list that somebody surely meant by one that is not in it:
// one slip of the finger away, two in a word of six letters or more. None, and two
// that are as near, are "".
func Near(word string, known []string) string {
	most := 1
	if len(word) >= 6 {
		most = 2
	}
	best, found, same := most+1, "", false
	for _, k := range known {
		if max(len(word), len(k)) > nearMost || len(word) < 2 {
			continue
		}
		switch d := slips(word, k); cmp.Compare(d, best) {
		case -1:
			best, found, same = d, k, false
		case 0:
			same = same || k != found
		}
	}
	if same {
		return ""
	}
	return found
}

// slips counts the bytes to add, drop, change, or swap with the next one, that make
// a word another: the distance of optimal string alignment.
func slips(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			changed := last[j-1]
			if a[i-1] != b[j-1] {
				changed++
			}
			row[j] = min(last[j]+1, row[j-1]+1, changed)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
