package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// scanner is one row.
type scanner interface{ Scan(into ...any) error }

// collect reads all rows of a query, which bounds them.
func collect[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	found, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var list []T
	for found.Next() {
		v, err := scan(found)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, found.Err()
}

// one reads the row of a query; none is [ErrNotFound] about what was sought.
func one[T any](ctx context.Context, q querier, scan func(scanner) (T, error), what, query string, args ...any) (T, error) {
	v, err := scan(q.QueryRowContext(ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return v, fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	return v, err
}

// exec runs a statement and says how many rows it changed.
func (g *group) exec(query string, args ...any) (int64, error) {
	result, err := g.tx.ExecContext(g.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// asJSON is a column that holds a list or a map. Strings always encode; what
// is empty becomes "null", which reads back as it was.
func asJSON[T []string | map[string]string](v T) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// jsonColumn scans such a column. An empty one gives nil.
type jsonColumn[T []string | map[string]string] struct{ into *T }

// Scan implements [sql.Scanner].
func (c jsonColumn[T]) Scan(value any) error {
	var text []byte
	switch v := value.(type) {
	case string:
		text = []byte(v)
	case []byte:
		text = v
	default:
		return fmt.Errorf("a list is kept as %T", value)
	}
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("a list is damaged: %w", err)
	}
	if len(v) > 0 {
		*c.into = v
	}
	return nil
}
