// SPDX-License-Identifier: Apache-2.0

// Command parquet prints a Parquet file as Apache Arrow's reader understands it: the types of its columns, then each row
// as a line of JSON. Tests compare that with what was written. It is a module of its own, so that nothing that ships
// depends on Arrow.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

func main() {
	if err := show(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func show(path string) error {
	opened, err := file.OpenParquetFile(path, false)
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	defer opened.Close()
	reader, err := pqarrow.NewFileReader(opened, pqarrow.ArrowReadProperties{BatchSize: 1024}, memory.DefaultAllocator)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	output := bufio.NewWriter(os.Stdout)
	records, err := reader.GetRecordReader(context.Background(), nil, nil)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	defer records.Release()
	if err := types(output, records.Schema()); err != nil {
		return err
	}
	for records.Next() {
		rows, err := records.RecordBatch().MarshalJSON()
		if err != nil {
			return fmt.Errorf("printing rows: %w", err)
		}
		var all []json.RawMessage
		if err := json.Unmarshal(rows, &all); err != nil {
			return fmt.Errorf("printing rows: %w", err)
		}
		for _, row := range all {
			fmt.Fprintf(output, "%s\n", row)
		}
	}
	if err := records.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if err := output.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

func types(output *bufio.Writer, schema *arrow.Schema) error {
	names := map[string]string{}
	for _, field := range schema.Fields() {
		names[field.Name] = field.Type.String()
		if field.Nullable {
			names[field.Name] += "?"
		}
	}
	text, err := json.Marshal(names)
	if err != nil {
		return fmt.Errorf("printing types: %w", err)
	}
	fmt.Fprintf(output, "%s\n", text)
	return nil
}
