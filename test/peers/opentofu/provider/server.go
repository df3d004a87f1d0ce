package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

type server struct{ url, password string }

// One connection for one piece of work. Nothing that a server says names the password.
func (s *server) with(ctx context.Context, work func(*pgx.Conn) error) error {
	config, err := pgx.ParseConfig(s.url)
	if err != nil {
		return fmt.Errorf("the url is none of a PostgreSQL server")
	}
	config.Password = s.password
	config.ConnectTimeout = 5 * time.Second
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	connection, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	return work(connection)
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// A text as SQL has it; the servers of these tests keep standard_conforming_strings on.
func text(value string) string {
	out := "'"
	for _, letter := range value {
		if letter == '\'' {
			out += "'"
		}
		out += string(letter)
	}
	return out + "'"
}
